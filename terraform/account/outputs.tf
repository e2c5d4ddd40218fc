output "state_bucket" {
  description = "The bucket that the backend files must name."
  value       = module.state.bucket
}

output "repository_url" {
  description = "Where images are pushed to."
  value       = module.registry.url
}

output "github_variables" {
  description = "What the workflows need: variables of the repository, and of each of its environments."
  value = {
    repository = {
      AWS_REGION       = var.region
      AWS_PLAN_ROLE    = module.github.role_arns["plan"]
      AWS_APPLY_ROLE   = module.github.role_arns["apply"]
      AWS_RELEASE_ROLE = module.github.role_arns["release"]
    }
    environments = { for environment in var.environments : environment => {
      AWS_DEPLOY_ROLE = module.github.role_arns["deploy-${environment}"]
    } }
  }
}
