# One environment's service. Staging and production are this same code with other values, and states of their own:
# environments/ holds both, and ../account what must be there before.
provider "aws" {
  region = var.region

  default_tags {
    tags = local.tags
  }
}

data "aws_caller_identity" "current" {}

locals {
  tags = {
    Project     = var.name
    Environment = var.environment
    ManagedBy   = "terraform"
  }

  # Made by account/, known by name.
  account_id               = data.aws_caller_identity.current.account_id
  repository_arn           = "arn:aws:ecr:${var.region}:${local.account_id}:repository/${var.name}"
  permissions_boundary_arn = "arn:aws:iam::${local.account_id}:policy/${var.name}/${var.name}-instance-boundary"
}

module "network" {
  source = "./modules/network"

  name  = "${var.name}-${var.environment}"
  cidr  = var.vpc_cidr
  zones = [for letter in var.zones : "${var.region}${letter}"]
}

module "service" {
  source = "./modules/service"

  name                     = var.name
  environment              = var.environment
  region                   = var.region
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.subnet_ids
  repository_arn           = local.repository_arn
  permissions_boundary_arn = local.permissions_boundary_arn
  tags                     = local.tags

  instance_type    = var.instance_type
  container_memory = var.container_memory
  min_size         = var.min_size
  max_size         = var.max_size
  desired_capacity = var.desired_capacity

  allowed_cidrs   = var.allowed_cidrs
  public          = var.public
  certificate_arn = var.certificate_arn

  log_retention_days = var.log_retention_days
  alarm_email        = var.alarm_email
}
