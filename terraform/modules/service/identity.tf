# What an instance may do: pull from one repository, read one parameter, write to one log group, be told to roll out.
resource "aws_iam_role" "instance" {
  name        = "${local.id}-instance"
  path        = "/${var.name}/service/"
  description = "The instances of ${local.id}"

  # The apply role can only make roles with this boundary.
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "instance" {
  #checkov:skip=CKV_AWS_290:See BeManaged below
  #checkov:skip=CKV_AWS_355:See BeManaged below
  name = "instance"
  role = aws_iam_role.instance.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "SignIn"
        Effect   = "Allow"
        Action   = "ecr:GetAuthorizationToken" # gives no right of its own, and AWS takes no resource for it
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
        Resource = aws_ssm_parameter.image.arn
      },
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.service.arn}:*" # its streams
      },
      {
        # What SSM's agent needs for commands and sessions, in place of SSH. Not AmazonSSMManagedInstanceCore, which
        # also lets it read every parameter of the account. The messages take no resource, and the information only
        # that of an instance, which has no name before it starts.
        Sid    = "BeManaged"
        Effect = "Allow"
        Action = [
          "ec2messages:AcknowledgeMessage",
          "ec2messages:DeleteMessage",
          "ec2messages:FailMessage",
          "ec2messages:GetEndpoint",
          "ec2messages:GetMessages",
          "ec2messages:SendReply",
          "ssm:UpdateInstanceInformation",
          "ssmmessages:CreateControlChannel",
          "ssmmessages:CreateDataChannel",
          "ssmmessages:OpenControlChannel",
          "ssmmessages:OpenDataChannel",
        ]
        Resource = "*"
      },
    ]
  })
}

resource "aws_iam_instance_profile" "instance" {
  name = aws_iam_role.instance.name
  path = aws_iam_role.instance.path
  role = aws_iam_role.instance.name
}
