# Who reaches what. Two groups: "clients" is the outer door, on the load balancer if there is one and else on the
# instances; "instances" is what the instances have in any case. There is no port 22: SSM opens a shell from inside.
resource "aws_security_group" "clients" {
  #checkov:skip=CKV2_AWS_5:It is attached, to the load balancer or to the instances
  name        = "${local.id}-clients"
  description = "Who may ask the service"
  vpc_id      = var.vpc_id

  # By this tag a deployment may let its own address in for its check, and out again.
  tags = { Name = "${local.id}-clients", Service = local.id }
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = {
    for pair in setproduct(var.allowed_cidrs, local.balanced ? [80, 443] : [local.port]) :
    "${pair[0]} ${pair[1]}" => { cidr = pair[0], port = pair[1] }
  }

  security_group_id = aws_security_group.clients.id
  description       = "Clients"
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "balancer_to_instances" {
  count = local.balanced ? 1 : 0

  security_group_id            = aws_security_group.clients.id
  description                  = "Load balancer to instances"
  referenced_security_group_id = aws_security_group.instances.id
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}

resource "aws_security_group" "instances" {
  #checkov:skip=CKV2_AWS_5:It is attached, by the launch template
  name        = "${local.id}-instances"
  description = "The instances"
  vpc_id      = var.vpc_id

  tags = { Name = "${local.id}-instances" }
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  #checkov:skip=CKV_AWS_260:It admits a security group, no address
  count = local.balanced ? 1 : 0

  security_group_id            = aws_security_group.instances.id
  description                  = "From the load balancer"
  referenced_security_group_id = aws_security_group.clients.id
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}

# ECR, SSM, CloudWatch and the package repositories all speak HTTPS, from addresses that change. Names and time come
# from the VPC itself, which no security group filters.
resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.instances.id
  description       = "AWS and packages"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
