# What an account needs once, before any environment: applied by hand by someone who may do everything. No workflow has
# the right to change what is here, so no change of a workflow can widen what workflows may do.
provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Project   = var.name
      ManagedBy = "terraform/account"
    }
  }
}

data "aws_caller_identity" "current" {}

module "state" {
  source = "../modules/state"

  bucket = "${var.name}-state-${data.aws_caller_identity.current.account_id}"
}

module "registry" {
  source = "../modules/registry"

  name = var.name
}

module "github" {
  source = "../modules/github"

  name           = var.name
  environments   = var.environments
  owner          = var.github_owner
  owner_id       = var.github_owner_id
  repository     = var.github_repository
  repository_id  = var.github_repository_id
  repository_arn = module.registry.arn
  state_bucket   = module.state.bucket
  region         = var.region
  account_id     = data.aws_caller_identity.current.account_id
}
