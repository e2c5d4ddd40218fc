# The roots, and what they must agree on without knowing each other.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "files" {
  command = plan
  module {
    source = "./tests/files"
  }
}

run "staging" {
  command = plan
  variables {
    environment        = run.files.values.staging.environment
    region             = run.files.values.staging.region
    vpc_cidr           = run.files.values.staging.vpc_cidr
    instance_type      = run.files.values.staging.instance_type
    min_size           = run.files.values.staging.min_size
    max_size           = run.files.values.staging.max_size
    desired_capacity   = run.files.values.staging.desired_capacity
    allowed_cidrs      = run.files.values.staging.allowed_cidrs
    public             = run.files.values.staging.public
    certificate_arn    = run.files.values.staging.certificate_arn
    log_retention_days = run.files.values.staging.log_retention_days
    alarm_email        = run.files.values.staging.alarm_email
  }

  # account/ gives the deploy roles rights over these very names, see github.tftest.hcl.
  assert {
    condition = (
      output.image_parameter == "/house-prices/staging/image" &&
      output.rollout_document == "house-prices-staging-rollout" &&
      output.service_tag == "house-prices-staging" &&
      output.clients_group == "house-prices-staging-clients" &&
      output.log_group == "/house-prices/staging"
    )
    error_message = "Deployments find things by these names."
  }
  assert {
    condition     = !contains(keys(local.tags), "Service")
    error_message = "The tag Service lets a deployment open a group: as a default tag it would be on all of them."
  }
  assert {
    condition     = local.repository_arn == "arn:aws:ecr:us-east-1:123456789012:repository/house-prices"
    error_message = "Images come from the one repository that account/ makes."
  }
  assert {
    condition     = local.permissions_boundary_arn == "arn:aws:iam::123456789012:policy/house-prices/house-prices-instance-boundary"
    error_message = "The boundary must be the one that account/ makes: the apply role can make a role with no other."
  }
}

run "production" {
  command = plan
  variables {
    environment        = run.files.values.production.environment
    region             = run.files.values.production.region
    vpc_cidr           = run.files.values.production.vpc_cidr
    instance_type      = run.files.values.production.instance_type
    min_size           = run.files.values.production.min_size
    max_size           = run.files.values.production.max_size
    desired_capacity   = run.files.values.production.desired_capacity
    allowed_cidrs      = run.files.values.production.allowed_cidrs
    public             = run.files.values.production.public
    certificate_arn    = run.files.values.production.certificate_arn
    log_retention_days = run.files.values.production.log_retention_days
    alarm_email        = run.files.values.production.alarm_email
  }

  assert {
    condition = (
      output.image_parameter == "/house-prices/production/image" &&
      output.rollout_document == "house-prices-production-rollout" &&
      output.service_tag == "house-prices-production" &&
      output.clients_group == "house-prices-production-clients" &&
      output.log_group == "/house-prices/production"
    )
    error_message = "Deployments find things by these names."
  }
}

run "account" {
  command = plan
  module {
    source = "./account"
  }
  variables {
    region            = "us-east-1"
    github_owner      = "octocat"
    github_repository = "house-prices"
  }

  assert {
    condition     = output.state_bucket == "house-prices-state-123456789012"
    error_message = "The backend files name the bucket like this."
  }
  assert {
    condition = (
      toset(keys(output.github_variables.repository)) == toset(["AWS_REGION", "AWS_PLAN_ROLE", "AWS_APPLY_ROLE", "AWS_RELEASE_ROLE"]) &&
      toset(keys(output.github_variables.environments)) == toset(["staging", "production"])
    )
    error_message = "The workflows read these variables."
  }
}
