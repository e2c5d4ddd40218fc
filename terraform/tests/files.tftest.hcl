# Rules about the text, for what no plan shows.

run "environments_differ_only_in_values" {
  command = plan
  module {
    source = "./tests/files"
  }

  assert {
    condition     = keys(output.values.staging) == keys(output.values.production)
    error_message = "staging.tfvars and production.tfvars must set the same variables."
  }
  assert {
    condition     = alltrue([for environment, values in output.values : values.environment == environment])
    error_message = "Each file in environments/ must set environment to its own name."
  }
  assert {
    condition     = alltrue([for environment, backend in output.backends : backend.key == "${environment}/terraform.tfstate"])
    error_message = "The state of an environment must be <environment>/terraform.tfstate: the roles may touch no other."
  }
}

run "no_port_22_and_no_keys_anywhere" {
  command = plan
  module {
    source = "./tests/files"
  }

  assert {
    condition = alltrue([for name, text in output.sources :
      !can(regex("(from_port|to_port|port) *= *\"?22\\b|key_name|aws_key_pair", text))
    ])
    error_message = "Nothing listens for SSH: a shell comes through SSM."
  }
  assert {
    # Rules are resources of their own, so that the tests of the service see all of them.
    condition = alltrue([for name, text in output.sources :
      !can(regex("aws_security_group_rule|\\b(ingress|egress) *(=|\\{)", text))
    ])
    error_message = "Each rule of a security group must be an aws_vpc_security_group_ingress_rule or _egress_rule."
  }
}

run "state_bucket_is_not_destroyed" {
  command = plan
  module {
    source = "./tests/files"
  }

  assert {
    condition     = can(regex("prevent_destroy = true", output.sources["modules/state/main.tf"]))
    error_message = "The bucket must have prevent_destroy: without the state, terraform forgets what it made."
  }
}
