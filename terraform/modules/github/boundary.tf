# The most that an instance's role may ever do. The apply role can make such roles only with this boundary, and cannot
# change it: a change of terraform cannot give an instance, or whoever gets into one, more than this.
resource "aws_iam_policy" "instance_boundary" {
  #checkov:skip=CKV_AWS_290:What SSM's agent does takes no resource, see identity.tf of the service
  #checkov:skip=CKV_AWS_355:What SSM's agent does takes no resource, see identity.tf of the service
  name        = "${var.name}-instance-boundary"
  path        = "/${var.name}/"
  description = "The most that the role of an instance may do"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "WithoutResource"
        Effect = "Allow"
        Action = [
          "ec2messages:AcknowledgeMessage",
          "ec2messages:DeleteMessage",
          "ec2messages:FailMessage",
          "ec2messages:GetEndpoint",
          "ec2messages:GetMessages",
          "ec2messages:SendReply",
          "ecr:GetAuthorizationToken",
          "ssm:UpdateInstanceInformation",
          "ssmmessages:CreateControlChannel",
          "ssmmessages:CreateDataChannel",
          "ssmmessages:OpenControlChannel",
          "ssmmessages:OpenDataChannel",
        ]
        Resource = "*"
      },
      {
        Sid      = "Pull"
        Effect   = "Allow"
        Action   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = var.repository_arn
      },
      {
        Sid      = "ReadWhatToServe"
        Effect   = "Allow"
        Action   = "ssm:GetParameter"
        Resource = "${local.arn.ssm}:parameter/${var.name}/*/image"
      },
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${local.arn.logs}:log-group:/${var.name}/*"
      },
    ]
  })
}
