# HTTPS, made only with a certificate.
resource "aws_lb" "service" {
  #checkov:skip=CKV_AWS_91:The app logs every request, with its own identifier; a bucket of the same lines would need a policy and cleaning
  #checkov:skip=CKV_AWS_150:It keeps nothing: a plan that would delete it is reviewed, and terraform makes it again
  #checkov:skip=CKV2_AWS_28:A firewall costs by rule and request; by default only known addresses get in, and the app checks every field
  count = local.balanced ? 1 : 0

  name                       = local.id
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = var.subnet_ids
  security_groups            = [aws_security_group.clients.id]
  drop_invalid_header_fields = true
}

resource "aws_lb_target_group" "service" {
  #checkov:skip=CKV_AWS_378:Plain HTTP goes only from the load balancer to the instances, inside the VPC
  count = local.balanced ? 1 : 0

  name                 = local.id
  port                 = local.port
  protocol             = "HTTP"
  vpc_id               = var.vpc_id
  deregistration_delay = 60 # what the app allows a request

  health_check {
    path                = "/readyz"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "https" {
  count = local.balanced ? 1 : 0

  load_balancer_arn = aws_lb.service[0].arn
  port              = 443
  protocol          = "HTTPS"
  certificate_arn   = var.certificate_arn
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06" # TLS 1.3 and 1.2

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.service[0].arn
  }
}

resource "aws_lb_listener" "http" {
  count = local.balanced ? 1 : 0

  load_balancer_arn = aws_lb.service[0].arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      protocol    = "HTTPS"
      port        = "443"
      status_code = "HTTP_301"
    }
  }
}
