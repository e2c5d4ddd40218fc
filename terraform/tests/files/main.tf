# What a test cannot see in a plan: the files themselves.
terraform {
  required_providers {
    terraform = {
      source = "terraform.io/builtin/terraform"
    }
  }
}

locals {
  root = "${path.module}/../.."
}

output "values" {
  description = "The values of each environment."
  value = { for environment in ["staging", "production"] : environment =>
    provider::terraform::decode_tfvars(file("${local.root}/environments/${environment}.tfvars"))
  }
}

output "backends" {
  description = "Where the state of each environment is."
  value = { for environment in ["staging", "production"] : environment =>
    provider::terraform::decode_tfvars(file("${local.root}/environments/${environment}.s3.tfbackend"))
  }
}

output "sources" {
  description = "Every file of configuration, by its path, without its comments."
  value = { for name in setunion(fileset(local.root, "*.tf"), fileset(local.root, "{account,modules}/**/*.tf")) : name =>
    replace(file("${local.root}/${name}"), "/#[^\n]*/", "")
  }
}
