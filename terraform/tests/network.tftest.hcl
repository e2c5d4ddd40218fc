mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name  = "house-prices-staging"
  cidr  = "10.20.0.0/16"
  zones = ["us-east-1a", "us-east-1b"]
}

run "default_group_is_closed" {
  command = plan
  module {
    source = "./modules/network"
  }

  assert {
    condition     = try(length(aws_default_security_group.closed.ingress), 0) == 0 && try(length(aws_default_security_group.closed.egress), 0) == 0
    error_message = "The VPC's default security group must have no rule."
  }
}

run "no_public_address_unasked" {
  command = plan
  module {
    source = "./modules/network"
  }

  assert {
    condition     = alltrue([for subnet in aws_subnet.public : !subnet.map_public_ip_on_launch])
    error_message = "Only the launch template may ask for a public address."
  }
}

run "two_zones" {
  command = plan
  module {
    source = "./modules/network"
  }

  assert {
    condition     = { for zone, subnet in aws_subnet.public : zone => subnet.cidr_block } == { us-east-1a = "10.20.0.0/24", us-east-1b = "10.20.1.0/24" }
    error_message = "Each zone has a subnet of its own."
  }
}

run "one_zone_is_refused" {
  command = plan
  module {
    source = "./modules/network"
  }
  variables {
    zones = ["us-east-1a", "us-east-1a"]
  }
  expect_failures = [var.zones]
}
