mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name                     = "house-prices"
  environment              = "staging"
  region                   = "us-east-1"
  vpc_id                   = "vpc-0123456789abcdef0"
  subnet_ids               = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
  repository_arn           = "arn:aws:ecr:us-east-1:123456789012:repository/house-prices"
  permissions_boundary_arn = "arn:aws:iam::123456789012:policy/house-prices/house-prices-instance-boundary"
  tags                     = { Project = "house-prices" }
}

# ---------------------------------------------------------------------- doors

run "closed_by_default" {
  command = plan
  module {
    source = "./modules/service"
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.clients) == 0 && length(aws_vpc_security_group_ingress_rule.balancer) == 0
    error_message = "Unless allowed_cidrs names someone, nobody gets in."
  }
}

run "named_clients_reach_one_port" {
  command = plan
  module {
    source = "./modules/service"
  }
  variables {
    allowed_cidrs = ["203.0.113.0/24", "198.51.100.7/32"]
  }

  assert {
    condition = toset([for rule in aws_vpc_security_group_ingress_rule.clients : "${rule.cidr_ipv4} ${rule.ip_protocol} ${rule.from_port}-${rule.to_port}"]) == toset([
      "203.0.113.0/24 tcp 80-80", "198.51.100.7/32 tcp 80-80",
    ])
    error_message = "Clients reach port 80 and no other."
  }
}

run "the_internet_is_refused" {
  command = plan
  module {
    source = "./modules/service"
  }
  variables {
    allowed_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.allowed_cidrs]
}

run "the_internet_in_halves_is_refused" {
  command = plan
  module {
    source = "./modules/service"
  }
  variables {
    allowed_cidrs = ["0.0.0.0/1", "128.0.0.0/1"]
  }
  expect_failures = [var.allowed_cidrs]
}

run "a_public_service_is_said_to_be_one" {
  command = plan
  module {
    source = "./modules/service"
  }
  variables {
    allowed_cidrs = ["0.0.0.0/0"]
    public        = true
  }

  assert {
    condition     = [for rule in aws_vpc_security_group_ingress_rule.clients : rule.cidr_ipv4] == ["0.0.0.0/0"]
    error_message = "With public = true everyone may be let in."
  }
}

run "an_address_that_is_no_range_is_refused" {
  command = plan
  module {
    source = "./modules/service"
  }
  variables {
    allowed_cidrs = ["203.0.113.7/24"]
  }
  expect_failures = [var.allowed_cidrs]
}

run "instances_ask_only_over_https" {
  command = plan
  module {
    source = "./modules/service"
  }

  assert {
    condition = (
      aws_vpc_security_group_egress_rule.https.ip_protocol == "tcp" &&
      aws_vpc_security_group_egress_rule.https.from_port == 443 && aws_vpc_security_group_egress_rule.https.to_port == 443
    )
    error_message = "Instances may connect to port 443 and no other."
  }
}

run "deployments_find_their_own_door" {
  command = plan
  module {
    source = "./modules/service"
  }

  assert {
    condition = (
      aws_security_group.clients.name == "house-prices-staging-clients" &&
      aws_security_group.clients.tags.Service == "house-prices-staging" &&
      !contains(keys(aws_security_group.instances.tags), "Service") && !contains(keys(var.tags), "Service")
    )
    error_message = "The tag Service lets a deployment open a group: only the clients' group may carry it."
  }
  assert {
    condition     = { for tags in aws_launch_template.service.tag_specifications : tags.resource_type => tags.tags.Service }["instance"] == "house-prices-staging"
    error_message = "The tag Service is how a deployment finds its instances."
  }
}

# ---------------------------------------------------------------------- machine

run "metadata_needs_a_token_and_stays_on_the_machine" {
  command = plan
  module {
    source = "./modules/service"
  }

  assert {
    condition     = aws_launch_template.service.metadata_options[0].http_tokens == "required"
    error_message = "IMDSv2 must be required."
  }
  assert {
    condition     = aws_launch_template.service.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "A container must not reach the machine's credentials: the hop limit should be 1."
  }
}

run "disk_is_encrypted" {
  command = plan
  module {
    source = "./modules/service"
  }

  assert {
    condition     = tobool(aws_launch_template.service.block_device_mappings[0].ebs[0].encrypted) && aws_launch_template.service.block_device_mappings[0].ebs[0].volume_type == "gp3"
    error_message = "The root disk must be an encrypted gp3."
  }
}

run "graviton_is_refused" {
  command = plan
  module {
    source = "./modules/service"
  }
  variables {
    instance_type = "t4g.small"
  }
  expect_failures = [var.instance_type]
}

run "a_changed_template_replaces_instances" {
  command = plan
  module {
    source = "./modules/service"
  }

  assert {
    condition = (
      aws_autoscaling_group.service.instance_refresh[0].strategy == "Rolling" &&
      aws_autoscaling_group.service.instance_refresh[0].preferences[0].min_healthy_percentage == 100 &&
      aws_autoscaling_group.service.launch_template[0].version == tostring(aws_launch_template.service.latest_version)
    )
    error_message = "The group must follow the template's newest version, and start a new instance before an old one goes."
  }
}

# ---------------------------------------------------------------------- identity

run "instance_role_does_one_thing" {
  command = plan
  module {
    source = "./modules/service"
  }

  # github.tftest.hcl has the same list for the boundary.
  assert {
    condition = jsonencode({ for statement in jsondecode(aws_iam_role_policy.instance.policy).Statement : statement.Sid => [statement.Effect, statement.Resource, sort(flatten([statement.Action]))] }) == jsonencode({
      SignIn          = ["Allow", "*", ["ecr:GetAuthorizationToken"]]
      Pull            = ["Allow", var.repository_arn, ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]]
      ReadWhatToServe = ["Allow", aws_ssm_parameter.image.arn, ["ssm:GetParameter"]]
      Log             = ["Allow", "${aws_cloudwatch_log_group.service.arn}:*", ["logs:CreateLogStream", "logs:PutLogEvents"]]
      BeManaged = ["Allow", "*", [
        "ec2messages:AcknowledgeMessage", "ec2messages:DeleteMessage", "ec2messages:FailMessage",
        "ec2messages:GetEndpoint", "ec2messages:GetMessages", "ec2messages:SendReply",
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
      ]]
    })
    error_message = "An instance pulls from one repository, reads one parameter, writes one log group, and talks to SSM; nothing else."
  }
  assert {
    condition = (
      aws_iam_role.instance.permissions_boundary == var.permissions_boundary_arn &&
      aws_iam_role.instance.path == "/house-prices/service/" && aws_iam_instance_profile.instance.path == "/house-prices/service/"
    )
    error_message = "The role must have the boundary and the path that the apply role is bound to."
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role.instance.assume_role_policy).Statement : statement.Principal] == [{ Service = "ec2.amazonaws.com" }]
    error_message = "Only instances may take the role."
  }
}

# ---------------------------------------------------------------------- rollout

run "boot_installs_the_rollout" {
  command = plan
  module {
    source = "./modules/service"
  }

  assert {
    condition     = { for file in yamldecode(base64decode(aws_launch_template.service.user_data)).write_files : file.path => file }["/usr/local/bin/rollout"] == { path = "/usr/local/bin/rollout", permissions = "0755", content = file("modules/service/rollout.sh") }
    error_message = "The script must reach the machine unchanged, and executable."
  }
  assert {
    condition = { for file in yamldecode(base64decode(aws_launch_template.service.user_data)).write_files : file.path => file.content }["/etc/rollout.env"] == join("\n", [
      "AWS_DEFAULT_REGION=\"us-east-1\"",
      "IMAGE_PARAMETER=\"/house-prices/staging/image\"",
      "NAME=\"house-prices\"",
      "OPTIONS=\"--publish=80:5000 --memory=1g --log-driver=awslogs --log-opt=awslogs-region=us-east-1 --log-opt=awslogs-group=/house-prices/staging --log-opt=mode=non-blocking\"",
      "",
    ])
    error_message = "The script reads its settings from /etc/rollout.env."
  }
  assert {
    condition = (
      strcontains({ for file in yamldecode(base64decode(aws_launch_template.service.user_data)).write_files : file.path => file.content }["/etc/systemd/system/rollout.service"], "\nExecStart=/usr/local/bin/rollout\n") &&
      contains(yamldecode(base64decode(aws_launch_template.service.user_data)).runcmd, "systemctl enable --now docker.service rollout.service") &&
      contains(yamldecode(base64decode(aws_launch_template.service.user_data)).packages, "docker")
    )
    error_message = "The first boot installs docker and runs the script; the unit runs it at each later boot."
  }
}

run "the_command_takes_no_parameters" {
  command = plan
  module {
    source = "./modules/service"
  }

  assert {
    condition = (
      aws_ssm_document.rollout.name == "house-prices-staging-rollout" && aws_ssm_document.rollout.document_type == "Command" &&
      !contains(keys(jsondecode(aws_ssm_document.rollout.content)), "parameters") &&
      [for step in jsondecode(aws_ssm_document.rollout.content).mainSteps : step.inputs] == [{ runCommand = ["/usr/local/bin/rollout"], timeoutSeconds = "900" }]
    )
    error_message = "Who sends the command must have no say in what runs, and it must end."
  }
}

run "nothing_is_served_at_first" {
  command = plan
  module {
    source = "./modules/service"
  }

  assert {
    condition     = aws_ssm_parameter.image.name == "/house-prices/staging/image" && aws_ssm_parameter.image.type == "String" && nonsensitive(aws_ssm_parameter.image.value) == "none"
    error_message = "Until the first deployment the parameter says none, which the script understands."
  }
}

# ---------------------------------------------------------------------- load balancer

run "no_https_without_the_load_balancer" {
  command = plan
  module {
    source = "./modules/service"
  }
  variables {
    allowed_cidrs = ["203.0.113.0/24"]
  }

  assert {
    condition     = length(aws_lb.service) + length(aws_lb_listener.https) + length(aws_lb_listener.http) + length(aws_lb_target_group.service) == 0
    error_message = "Without a certificate there is no load balancer."
  }
  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.clients : rule.from_port == 80 && rule.to_port == 80])
    error_message = "Without a load balancer nothing answers on 443."
  }
}

run "many_instances_need_the_load_balancer" {
  command = plan
  module {
    source = "./modules/service"
  }
  variables {
    max_size = 2
  }
  expect_failures = [var.max_size]
}

run "with_a_certificate_all_is_https" {
  command = plan
  module {
    source = "./modules/service"
  }
  variables {
    certificate_arn  = "arn:aws:acm:us-east-1:123456789012:certificate/0123"
    allowed_cidrs    = ["203.0.113.0/24"]
    max_size         = 2
    desired_capacity = 2
  }

  assert {
    condition = (
      aws_lb_listener.https[0].protocol == "HTTPS" && aws_lb_listener.https[0].port == 443 &&
      startswith(aws_lb_listener.https[0].ssl_policy, "ELBSecurityPolicy-TLS13-1-2-") && aws_lb_listener.https[0].certificate_arn == var.certificate_arn
    )
    error_message = "The load balancer must speak TLS 1.2 or 1.3 with the given certificate."
  }
  assert {
    condition     = aws_lb_listener.http[0].default_action[0].type == "redirect" && aws_lb_listener.http[0].default_action[0].redirect[0].protocol == "HTTPS"
    error_message = "Port 80 may only send clients to HTTPS."
  }
  assert {
    condition     = aws_lb.service[0].drop_invalid_header_fields
    error_message = "Headers that are none must be dropped."
  }
  assert {
    condition     = aws_lb_target_group.service[0].health_check[0].path == "/readyz" && aws_lb_target_group.service[0].health_check[0].matcher == "200"
    error_message = "Only an instance that is ready may get requests."
  }
  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.clients : rule.from_port]) == toset([80, 443])
    error_message = "Clients reach the load balancer's two ports."
  }
}

run "behind_the_load_balancer_only_it_gets_in" {
  command = plan
  module {
    source = "./modules/service"
  }
  variables {
    certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/0123"
    allowed_cidrs   = ["203.0.113.0/24"]
  }

  override_resource {
    target          = aws_security_group.clients
    override_during = plan
    values          = { id = "sg-clients" }
  }
  override_resource {
    target          = aws_security_group.instances
    override_during = plan
    values          = { id = "sg-instances" }
  }

  assert {
    condition     = aws_launch_template.service.network_interfaces[0].security_groups == toset([aws_security_group.instances.id])
    error_message = "Instances must not carry the clients' group when a load balancer does."
  }
  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.balancer[0].security_group_id == aws_security_group.instances.id &&
      aws_vpc_security_group_ingress_rule.balancer[0].referenced_security_group_id == aws_security_group.clients.id &&
      aws_vpc_security_group_ingress_rule.balancer[0].from_port == 80 && aws_vpc_security_group_ingress_rule.balancer[0].to_port == 80
    )
    error_message = "Instances must admit the load balancer's group, on their one port, and nothing else."
  }
  assert {
    condition     = aws_lb.service[0].security_groups == toset([aws_security_group.clients.id])
    error_message = "The clients' group must be on the load balancer."
  }
}

run "a_certificate_of_another_region_is_refused" {
  command = plan
  module {
    source = "./modules/service"
  }
  variables {
    certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/0123"
  }
  expect_failures = [var.certificate_arn]
}

# ---------------------------------------------------------------------- alarms

run "alarms_tell_someone" {
  command = plan
  module {
    source = "./modules/service"
  }
  variables {
    certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/0123"
    alarm_email     = "someone@example.com"
  }

  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.service)) == toset(["in-service", "status-check", "cpu", "app-errors", "balancer-errors", "unhealthy-hosts"])
    error_message = "Each of these must have an alarm."
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.service : alarm.alarm_actions == toset([aws_sns_topic.alarms.arn])])
    error_message = "Each alarm must be published."
  }
  assert {
    condition     = [for subscription in aws_sns_topic_subscription.email : [subscription.protocol, subscription.endpoint]] == [["email", "someone@example.com"]]
    error_message = "alarm_email must get the mails."
  }
}

run "without_a_load_balancer_three_alarms" {
  command = plan
  module {
    source = "./modules/service"
  }

  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.service)) == toset(["in-service", "status-check", "cpu"])
    error_message = "Without a load balancer only the machine can be watched."
  }
}
