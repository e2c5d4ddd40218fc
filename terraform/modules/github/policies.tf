# What each role may do. Names are the contract with the service module, which makes things under the same names.
locals {
  arn = {
    for service in ["autoscaling", "cloudwatch", "ec2", "elasticloadbalancing", "logs", "sns", "ssm"] :
    service => "arn:aws:${service}:${var.region}:${var.account_id}"
  }
  iam = "arn:aws:iam::${var.account_id}"

  state_files = [for environment in var.environments : "arn:aws:s3:::${var.state_bucket}/${environment}/terraform.tfstate"]

  # ------------------------------------------------------------------ plan, and the reading half of apply

  # Wild cards end only verbs that read. Terraform reads every attribute, provider versions add calls, and the account
  # holds nothing that a listing would betray. What can hold content (parameters, documents, roles) is named below.
  read_statements = [
    {
      Sid    = "Look"
      Effect = "Allow"
      Action = [
        "autoscaling:Describe*",
        "cloudwatch:DescribeAlarms",
        "ec2:Describe*",
        "ec2:GetSecurityGroupsForVpc", # asked for when a load balancer is made
        "elasticloadbalancing:Describe*",
        "logs:DescribeLogGroups",
        "sns:GetSubscriptionAttributes",
        "ssm:DescribeParameters",
      ]
      Resource = "*"
    },
    {
      Sid    = "Read"
      Effect = "Allow"
      Action = [
        "cloudwatch:ListTagsForResource",
        "iam:Get*",
        "iam:List*",
        "logs:ListTagsForResource",
        "sns:GetTopicAttributes",
        "sns:ListTagsForResource",
        "ssm:DescribeDocument",
        "ssm:DescribeDocumentPermission",
        "ssm:GetDocument",
        "ssm:GetParameter",
        "ssm:ListTagsForResource",
      ]
      Resource = concat(local.named, [
        # where AWS publishes its newest machine image
        "arn:aws:ssm:${var.region}::parameter/aws/service/ami-amazon-linux-latest/*",
      ])
    },
    {
      Sid      = "ListState"
      Effect   = "Allow"
      Action   = "s3:ListBucket"
      Resource = "arn:aws:s3:::${var.state_bucket}"
    },
  ]

  # Everything of an environment whose ARN its name decides.
  named = [
    "${local.arn.autoscaling}:autoScalingGroup:*:autoScalingGroupName/${var.name}-*",
    "${local.arn.cloudwatch}:alarm:${var.name}-*",
    "${local.arn.elasticloadbalancing}:listener/app/${var.name}-*",
    "${local.arn.elasticloadbalancing}:loadbalancer/app/${var.name}-*",
    "${local.arn.elasticloadbalancing}:targetgroup/${var.name}-*",
    "${local.arn.logs}:log-group:/${var.name}/*",
    "${local.arn.sns}:${var.name}-*",
    "${local.arn.ssm}:document/${var.name}-*",
    "${local.arn.ssm}:parameter/${var.name}/*/image",
    "${local.iam}:instance-profile/${var.name}/service/*",
    "${local.iam}:role/${var.name}/service/*",
  ]

  plan_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.read_statements, [
      {
        Sid      = "ReadState"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = local.state_files
      },
    ])
  })

  # ------------------------------------------------------------------ apply

  apply_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.read_statements, [
      {
        Sid      = "WriteState"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject"]
        Resource = local.state_files
      },
      {
        Sid      = "LockState"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
        Resource = [for file in local.state_files : "${file}.tflock"]
      },
      {
        # EC2 names things itself, when they are made, so no ARN can be written down before. Tags would not bind
        # who may set them, as this role must. So: these actions and no others, in one region.
        Sid    = "Network"
        Effect = "Allow"
        Action = [
          "ec2:AssociateRouteTable",
          "ec2:AttachInternetGateway",
          "ec2:AuthorizeSecurityGroupEgress",
          "ec2:AuthorizeSecurityGroupIngress",
          "ec2:CreateInternetGateway",
          "ec2:CreateLaunchTemplate",
          "ec2:CreateLaunchTemplateVersion",
          "ec2:CreateRoute",
          "ec2:CreateRouteTable",
          "ec2:CreateSecurityGroup",
          "ec2:CreateSubnet",
          "ec2:CreateTags",
          "ec2:CreateVpc",
          "ec2:DeleteInternetGateway",
          "ec2:DeleteLaunchTemplate",
          "ec2:DeleteRoute",
          "ec2:DeleteRouteTable",
          "ec2:DeleteSecurityGroup",
          "ec2:DeleteSubnet",
          "ec2:DeleteTags",
          "ec2:DeleteVpc",
          "ec2:DetachInternetGateway",
          "ec2:DisassociateRouteTable",
          "ec2:ModifyLaunchTemplate",
          "ec2:ModifySecurityGroupRules",
          "ec2:ModifySubnetAttribute",
          "ec2:ModifyVpcAttribute",
          "ec2:ReplaceRoute",
          "ec2:RevokeSecurityGroupEgress",
          "ec2:RevokeSecurityGroupIngress",
          "ec2:RunInstances", # an auto-scaling group is made only for who could start its instances
          "sns:Unsubscribe",
        ]
        Resource  = "*"
        Condition = { StringEquals = { "aws:RequestedRegion" = var.region } }
      },
      {
        Sid    = "Named"
        Effect = "Allow"
        Action = [
          "autoscaling:AttachLoadBalancerTargetGroups",
          "autoscaling:CancelInstanceRefresh",
          "autoscaling:CreateAutoScalingGroup",
          "autoscaling:CreateOrUpdateTags",
          "autoscaling:DeleteAutoScalingGroup",
          "autoscaling:DeleteTags",
          "autoscaling:DetachLoadBalancerTargetGroups",
          "autoscaling:DisableMetricsCollection",
          "autoscaling:EnableMetricsCollection",
          "autoscaling:StartInstanceRefresh",
          "autoscaling:UpdateAutoScalingGroup",
          "cloudwatch:DeleteAlarms",
          "cloudwatch:PutMetricAlarm",
          "cloudwatch:TagResource",
          "cloudwatch:UntagResource",
          "elasticloadbalancing:AddTags",
          "elasticloadbalancing:CreateListener",
          "elasticloadbalancing:CreateLoadBalancer",
          "elasticloadbalancing:CreateTargetGroup",
          "elasticloadbalancing:DeleteListener",
          "elasticloadbalancing:DeleteLoadBalancer",
          "elasticloadbalancing:DeleteTargetGroup",
          "elasticloadbalancing:ModifyListener",
          "elasticloadbalancing:ModifyListenerAttributes",
          "elasticloadbalancing:ModifyLoadBalancerAttributes",
          "elasticloadbalancing:ModifyTargetGroup",
          "elasticloadbalancing:ModifyTargetGroupAttributes",
          "elasticloadbalancing:RemoveTags",
          "elasticloadbalancing:SetSecurityGroups",
          "elasticloadbalancing:SetSubnets",
          "iam:AddRoleToInstanceProfile",
          "iam:CreateInstanceProfile",
          "iam:DeleteInstanceProfile",
          "iam:DeleteRole",
          "iam:RemoveRoleFromInstanceProfile",
          "iam:TagInstanceProfile",
          "iam:TagRole",
          "iam:UntagInstanceProfile",
          "iam:UntagRole",
          "logs:CreateLogGroup",
          "logs:DeleteLogGroup",
          "logs:PutRetentionPolicy",
          "logs:TagResource",
          "logs:UntagResource",
          "sns:CreateTopic",
          "sns:DeleteTopic",
          "sns:SetTopicAttributes",
          "sns:Subscribe",
          "sns:TagResource",
          "sns:UntagResource",
          "ssm:AddTagsToResource",
          "ssm:CreateDocument",
          "ssm:DeleteDocument",
          "ssm:DeleteParameter",
          "ssm:PutParameter",
          "ssm:RemoveTagsFromResource",
          "ssm:UpdateDocument",
          "ssm:UpdateDocumentDefaultVersion",
        ]
        Resource = local.named
      },
      {
        # What the role of an instance may do is bounded by the policy in boundary.tf, whatever is written into it.
        Sid       = "BoundedRoles"
        Effect    = "Allow"
        Action    = ["iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePolicy"]
        Resource  = "${local.iam}:role/${var.name}/service/*"
        Condition = { StringEquals = { "iam:PermissionsBoundary" = aws_iam_policy.instance_boundary.arn } }
      },
      {
        Sid       = "RolesForInstances"
        Effect    = "Allow"
        Action    = "iam:PassRole"
        Resource  = "${local.iam}:role/${var.name}/service/*"
        Condition = { StringEquals = { "iam:PassedToService" = "ec2.amazonaws.com" } }
      },
      {
        # AWS's own roles, made when an account uses these services for the first time.
        Sid    = "RolesOfAWS"
        Effect = "Allow"
        Action = "iam:CreateServiceLinkedRole"
        Resource = [
          "${local.iam}:role/aws-service-role/autoscaling.amazonaws.com/*",
          "${local.iam}:role/aws-service-role/elasticloadbalancing.amazonaws.com/*",
        ]
      },
    ])
  })

  # ------------------------------------------------------------------ release

  release_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "SignIn"
        Effect   = "Allow"
        Action   = "ecr:GetAuthorizationToken" # gives no right of its own, and AWS takes no resource for it
        Resource = "*"
      },
      {
        Sid    = "Push"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability",
          "ecr:BatchGetImage", # a push looks first whether the image is there
          "ecr:CompleteLayerUpload",
          "ecr:InitiateLayerUpload",
          "ecr:PutImage",
          "ecr:UploadLayerPart",
        ]
        Resource = var.repository_arn
      },
    ]
  })

  # ------------------------------------------------------------------ deploy, one for each environment

  deploy_policies = { for environment in var.environments : environment => jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "NameTheImage"
        Effect   = "Allow"
        Action   = ["ssm:GetParameter", "ssm:PutParameter"]
        Resource = "${local.arn.ssm}:parameter/${var.name}/${environment}/image"
      },
      {
        Sid      = "RolloutCommand"
        Effect   = "Allow"
        Action   = "ssm:SendCommand"
        Resource = "${local.arn.ssm}:document/${var.name}-${environment}-rollout"
      },
      {
        Sid       = "OnItsInstances"
        Effect    = "Allow"
        Action    = "ssm:SendCommand"
        Resource  = "${local.arn.ec2}:instance/*"
        Condition = { StringEquals = { "ssm:resourceTag/Service" = "${var.name}-${environment}" } }
      },
      {
        # for the check from outside: the job lets its own address in, and out again
        Sid       = "OpenTheDoor"
        Effect    = "Allow"
        Action    = ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"]
        Resource  = "${local.arn.ec2}:security-group/*"
        Condition = { StringEquals = { "aws:ResourceTag/Service" = "${var.name}-${environment}" } }
      },
      {
        # AWS takes no resource for these
        Sid    = "SeeHowItWent"
        Effect = "Allow"
        Action = [
          "ec2:DescribeInstances",
          "ec2:DescribeSecurityGroups",
          "ssm:ListCommandInvocations",
          "ssm:ListCommands",
        ]
        Resource = "*"
      },
    ]
  }) }
}
