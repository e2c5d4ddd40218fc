# One container on EC2: instances that serve the image which the SSM parameter names, and replace themselves.
locals {
  id = "${var.name}-${var.environment}"

  # A certificate is what makes the load balancer: there is no HTTPS without one, and no use for the other alone.
  balanced = var.certificate_arn != null

  # The container listens on 5000; on the machine, port 80 is its.
  port           = 80
  container_port = 5000

  # docker run's; what closes the container (read-only, no capabilities) is in rollout.sh.
  # non-blocking: if CloudWatch cannot be reached, lines are lost and not requests.
  container_options = join(" ", [
    "--publish=${local.port}:${local.container_port}",
    "--memory=${var.container_memory}",
    "--log-driver=awslogs",
    "--log-opt=awslogs-region=${var.region}",
    "--log-opt=awslogs-group=${aws_cloudwatch_log_group.service.name}",
    "--log-opt=mode=non-blocking",
  ])
}

# Amazon Linux 2023, which brings the SSM agent and the AWS CLI. A newer image shows in the plan, and replaces the
# instances when it is applied: that is how they get updates.
data "aws_ssm_parameter" "machine_image" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

resource "aws_launch_template" "service" {
  name                   = local.id
  image_id               = data.aws_ssm_parameter.machine_image.insecure_value # public; the other attribute hides it from the plan
  instance_type          = var.instance_type
  update_default_version = true

  user_data = base64encode(templatefile("${path.module}/user_data.yaml.tftpl", {
    rollout = file("${path.module}/rollout.sh")
    settings = {
      NAME               = var.name
      IMAGE_PARAMETER    = aws_ssm_parameter.image.name
      AWS_DEFAULT_REGION = var.region
      OPTIONS            = local.container_options
    }
  }))

  iam_instance_profile {
    name = aws_iam_instance_profile.instance.name
  }

  # One hop: the machine itself may fetch its role's credentials, a container on it may not.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  network_interfaces {
    #checkov:skip=CKV_AWS_88:A public address instead of a NAT gateway, see the network module; the security groups admit nobody by default
    associate_public_ip_address = true
    delete_on_termination       = true
    security_groups             = local.balanced ? [aws_security_group.instances.id] : [aws_security_group.instances.id, aws_security_group.clients.id]
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      encrypted             = true
      volume_type           = "gp3"
      volume_size           = 20 # the system takes 2, and the images of a day have to fit
      delete_on_termination = true
    }
  }

  # What an auto-scaling group starts does not get the provider's default tags.
  dynamic "tag_specifications" {
    for_each = ["instance", "volume"]

    content {
      resource_type = tag_specifications.value
      tags          = merge(var.tags, { Name = local.id, Service = local.id })
    }
  }
}

resource "aws_autoscaling_group" "service" {
  name                = local.id
  min_size            = var.min_size
  max_size            = var.max_size
  desired_capacity    = var.desired_capacity
  vpc_zone_identifier = var.subnet_ids
  target_group_arns   = aws_lb_target_group.service[*].arn
  enabled_metrics     = ["GroupInServiceInstances"]

  # Not ELB: a container that fails its check is a release to take back. A new machine would start the same one.
  health_check_type = "EC2"

  launch_template {
    id      = aws_launch_template.service.id
    version = aws_launch_template.service.latest_version
  }

  # A changed template replaces the instances, one new before one old goes.
  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 200
      instance_warmup        = 300 # from power-on to an answer, with time to spare
    }
  }

  # Unlike other resources, a group does not take the provider's default tags.
  dynamic "tag" {
    for_each = var.tags

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = false
    }
  }

  # An instance that boots before these are there could neither sign in nor log.
  depends_on = [aws_iam_role_policy.instance, aws_vpc_security_group_egress_rule.https]
}
