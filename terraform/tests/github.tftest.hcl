# Who may take which role, and what it may do then.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name           = "house-prices"
  environments   = ["staging", "production"]
  owner          = "octocat"
  owner_id       = 583231
  repository     = "house-prices"
  repository_id  = 1296269
  repository_arn = "arn:aws:ecr:us-east-1:123456789012:repository/house-prices"
  state_bucket   = "house-prices-state-123456789012"
  region         = "us-east-1"
  account_id     = "123456789012"
}

# ---------------------------------------------------------------------- trust

run "trust_is_exact_with_numbers" {
  command = plan
  module {
    source = "./modules/github"
  }

  assert {
    condition = { for key, role in aws_iam_role.this : key => jsondecode(role.assume_role_policy).Statement } == { for key, subject in {
      plan              = "pull_request"
      apply             = "environment:infrastructure"
      release           = "ref:refs/heads/main"
      deploy-staging    = "environment:staging"
      deploy-production = "environment:production"
      } : key => [{
        Effect    = "Allow"
        Action    = "sts:AssumeRoleWithWebIdentity"
        Principal = { Federated = aws_iam_openid_connect_provider.github.arn }
        Condition = { StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = "repo:octocat@583231/house-prices@1296269:${subject}"
        } }
    }] }
    error_message = "Each role must trust one audience and one whole subject, compared with StringEquals, and nothing else."
  }
  assert {
    condition     = aws_iam_openid_connect_provider.github.client_id_list == toset(["sts.amazonaws.com"])
    error_message = "GitHub's tokens are accepted for one audience only."
  }
}

run "trust_is_exact_without_numbers" {
  command = plan
  module {
    source = "./modules/github"
  }
  variables {
    owner_id      = null
    repository_id = null
  }

  assert {
    condition = { for key, role in aws_iam_role.this : key => jsondecode(role.assume_role_policy).Statement[0].Condition } == { for key, subject in {
      plan              = "pull_request"
      apply             = "environment:infrastructure"
      release           = "ref:refs/heads/main"
      deploy-staging    = "environment:staging"
      deploy-production = "environment:production"
      } : key => { StringEquals = {
        "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:sub" = "repo:octocat/house-prices:${subject}"
    } } }
    error_message = "Without numbers the subject must have GitHub's older form."
  }
}

run "one_number_without_the_other_is_refused" {
  command = plan
  module {
    source = "./modules/github"
  }
  variables {
    owner_id = null
  }
  expect_failures = [var.repository_id]
}

run "placeholders_are_refused" {
  command = plan
  module {
    source = "./modules/github"
  }
  variables {
    owner      = "<owner>"
    repository = "<repository>"
  }
  expect_failures = [var.owner, var.repository]
}

run "an_environment_cannot_take_the_place_of_the_account" {
  command = plan
  module {
    source = "./modules/github"
  }
  variables {
    environments = ["staging", "account"]
  }
  expect_failures = [var.environments]
}

# ---------------------------------------------------------------------- what each may do

run "release_can_only_push" {
  command = plan
  module {
    source = "./modules/github"
  }

  assert {
    condition = jsonencode([for statement in jsondecode(aws_iam_role_policy.this["release"].policy).Statement :
      [statement.Effect, statement.Resource, sort(flatten([statement.Action]))]
      ]) == jsonencode([
      ["Allow", "*", ["ecr:GetAuthorizationToken"]],
      ["Allow", var.repository_arn, [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:CompleteLayerUpload",
        "ecr:InitiateLayerUpload",
        "ecr:PutImage",
        "ecr:UploadLayerPart",
      ]],
    ])
    error_message = "The release role may push to the one repository, and nothing else."
  }
}

run "deploy_roles_are_apart" {
  command = plan
  module {
    source = "./modules/github"
  }

  # service.tftest.hcl and environments.tftest.hcl expect the service under the same names.
  assert {
    condition = { for environment in var.environments : environment => {
      for statement in jsondecode(aws_iam_role_policy.this["deploy-${environment}"].policy).Statement :
      join(" ", sort(flatten([statement.Action]))) => [statement.Effect, statement.Resource, try(statement.Condition, null)]...
      } } == { for environment in var.environments : environment => {
      "ssm:GetParameter ssm:PutParameter" = [
        ["Allow", "arn:aws:ssm:us-east-1:123456789012:parameter/house-prices/${environment}/image", null],
      ]
      "ssm:SendCommand" = [
        ["Allow", "arn:aws:ssm:us-east-1:123456789012:document/house-prices-${environment}-rollout", null],
        ["Allow", "arn:aws:ec2:us-east-1:123456789012:instance/*", { StringEquals = { "ssm:resourceTag/Service" = "house-prices-${environment}" } }],
      ]
      "ec2:AuthorizeSecurityGroupIngress ec2:RevokeSecurityGroupIngress" = [
        ["Allow", "arn:aws:ec2:us-east-1:123456789012:security-group/*", { StringEquals = { "aws:ResourceTag/Service" = "house-prices-${environment}" } }],
      ]
      "ec2:DescribeInstances ec2:DescribeSecurityGroups ssm:ListCommandInvocations ssm:ListCommands" = [
        ["Allow", "*", null],
      ]
    } }
    error_message = "A deploy role may write one parameter, send one command to its own instances, and open its own door; of the other environment it may touch nothing."
  }
}

run "plan_only_reads" {
  command = plan
  module {
    source = "./modules/github"
  }

  assert {
    condition = alltrue([for statement in jsondecode(aws_iam_role_policy.this["plan"].policy).Statement :
      statement.Effect == "Allow" && alltrue([for action in flatten([statement.Action]) : can(regex("^[a-z0-9]+:(Describe|Get|List)[A-Za-z]*\\*?$", action))])
    ])
    error_message = "The plan role, which any pull request of the repository can take, must only read."
  }
}

run "content_is_read_by_name_only" {
  command = plan
  module {
    source = "./modules/github"
  }

  assert {
    condition = alltrue(flatten([for key in ["plan", "apply"] : [
      for statement in jsondecode(aws_iam_role_policy.this[key].policy).Statement : [
        for action in flatten([statement.Action]) : !contains(flatten([statement.Resource]), "*")
        if can(regex("^(iam|s3|ssm):(Get|List)", action))
    ]]]))
    error_message = "Roles, documents, parameters and state must be named where they are read: an account may hold others."
  }
  assert {
    condition = alltrue(flatten([for key in ["plan", "apply"] : [
      for statement in jsondecode(aws_iam_role_policy.this[key].policy).Statement : [
        for resource in flatten([statement.Resource]) : can(regex(":parameter/(house-prices/\\*/image|aws/service/ami-amazon-linux-latest/\\*)$", resource))
        if strcontains(resource, ":parameter/")
    ]]]))
    error_message = "The only parameters of terraform's are the images' and AWS's own: a secret beside them must stay unread."
  }
}

run "account_state_is_out_of_reach" {
  command = plan
  module {
    source = "./modules/github"
  }

  assert {
    condition = toset(flatten([for policy in aws_iam_role_policy.this : [
      for statement in jsondecode(policy.policy).Statement : [
        for resource in flatten([statement.Resource]) : trimprefix(resource, "arn:aws:s3:::house-prices-state-123456789012")
        if startswith(resource, "arn:aws:s3")
      ]]])) == toset([
      "",
      "/staging/terraform.tfstate", "/staging/terraform.tfstate.tflock",
      "/production/terraform.tfstate", "/production/terraform.tfstate.tflock",
    ])
    error_message = "Workflows may touch the environments' states and no other object, least of all account/terraform.tfstate."
  }
  assert {
    condition = alltrue(flatten([for statement in jsondecode(aws_iam_role_policy.this["apply"].policy).Statement : [
      for resource in flatten([statement.Resource]) : endswith(resource, ".tflock")
    ] if contains(flatten([statement.Action]), "s3:DeleteObject")]))
    error_message = "Only the lock may be deleted, not the state."
  }
}

run "apply_cannot_widen_any_role" {
  command = plan
  module {
    source = "./modules/github"
  }

  assert {
    condition = alltrue(flatten([for statement in jsondecode(aws_iam_role_policy.this["apply"].policy).Statement : [
      for resource in flatten([statement.Resource]) : can(regex("^arn:aws:iam::123456789012:(role|instance-profile)/(house-prices/service|aws-service-role/(autoscaling|elasticloadbalancing).amazonaws.com)/\\*$", resource))
      if startswith(resource, "arn:aws:iam") || (resource == "*" && anytrue([for action in flatten([statement.Action]) : startswith(action, "iam:")]))
    ]]))
    error_message = "Of roles, the apply role may reach only those below the path house-prices/service, and AWS's own: not the ones that workflows take."
  }
  assert {
    condition     = alltrue([for role in aws_iam_role.this : role.path == "/house-prices/github/"])
    error_message = "The roles that workflows take must be outside the path that the apply role may write to."
  }
  assert {
    condition = alltrue([for statement in jsondecode(aws_iam_role_policy.this["apply"].policy).Statement :
      try(statement.Condition.StringEquals["iam:PermissionsBoundary"], "") == aws_iam_policy.instance_boundary.arn
      if length(setintersection(flatten([statement.Action]), ["iam:CreateRole", "iam:PutRolePolicy"])) > 0
    ])
    error_message = "The apply role may make roles, and write their policies, only within the boundary."
  }
  assert {
    condition = length(setintersection(flatten([for statement in jsondecode(aws_iam_role_policy.this["apply"].policy).Statement : statement.Action]), [
      "iam:AttachRolePolicy", "iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion",
      "iam:PutRolePermissionsBoundary", "iam:DeleteRolePermissionsBoundary", "iam:UpdateAssumeRolePolicy",
      "iam:CreateUser", "iam:CreateAccessKey", "iam:CreateOpenIDConnectProvider", "sts:AssumeRole", "ssm:SendCommand", "ssm:StartSession",
    ])) == 0
    error_message = "None of these is needed to apply, and each is a way to more rights."
  }
  assert {
    condition = alltrue([for statement in jsondecode(aws_iam_role_policy.this["apply"].policy).Statement :
      statement.Resource == "arn:aws:iam::123456789012:role/house-prices/service/*" && statement.Condition == { StringEquals = { "iam:PassedToService" = "ec2.amazonaws.com" } }
      if contains(flatten([statement.Action]), "iam:PassRole")
    ])
    error_message = "Only an instance's role may be passed, and only to EC2."
  }
}

run "no_wild_cards" {
  command = plan
  module {
    source = "./modules/github"
  }

  assert {
    condition = alltrue(flatten([for key, policy in aws_iam_role_policy.this : [
      for statement in jsondecode(policy.policy).Statement : [
        for action in flatten([statement.Action]) :
        can(regex("^[a-z0-9]+:[A-Za-z]+$", action)) || (contains(["plan", "apply"], key) && can(regex("^[a-z0-9]+:(Describe|Get|List)\\*$", action)))
    ]]]))
    error_message = "Actions must be named one by one; only plan and apply may look with Describe*, Get* and List*."
  }
  assert {
    condition = alltrue(flatten([for policy in aws_iam_role_policy.this : [
      for statement in jsondecode(policy.policy).Statement : [
        for action in flatten([statement.Action]) : (
          can(regex(":(Describe|List)", action)) ||
          contains(["ecr:GetAuthorizationToken", "ec2:GetSecurityGroupsForVpc", "sns:GetSubscriptionAttributes", "ssm:GetCommandInvocation"], action) ||
          try(statement.Condition, null) == { StringEquals = { "aws:RequestedRegion" = "us-east-1" } }
        )
      ] if contains(flatten([statement.Resource]), "*")
    ]]))
    error_message = "Where AWS takes a resource it must be named. Exceptions: listing, signing in to ECR, and, in one region, making what EC2 names itself."
  }
  assert {
    condition = alltrue(flatten([for statement in jsondecode(aws_iam_role_policy.this["apply"].policy).Statement : [
      for action in flatten([statement.Action]) : startswith(action, "ec2:") || action == "sns:Unsubscribe"
    ] if try(statement.Condition.StringEquals["aws:RequestedRegion"], null) != null]))
    error_message = "Only EC2's actions may be without a resource; all else has names."
  }
}

run "a_policy_that_aws_would_refuse_is_refused_here" {
  command = plan
  module {
    source = "./modules/github"
  }
  variables {
    environments = [for number in range(40) : "staging${number}"]
  }
  expect_failures = [aws_iam_role_policy.this]
}

run "boundary_is_what_an_instance_needs" {
  command = plan
  module {
    source = "./modules/github"
  }

  # service.tftest.hcl has the same list for the role itself.
  assert {
    condition = jsonencode({ for statement in jsondecode(aws_iam_policy.instance_boundary.policy).Statement : statement.Resource => sort(flatten([statement.Action])) }) == jsonencode({
      "arn:aws:ecr:us-east-1:123456789012:repository/house-prices"        = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      "arn:aws:ssm:us-east-1:123456789012:parameter/house-prices/*/image" = ["ssm:GetParameter"]
      "arn:aws:logs:us-east-1:123456789012:log-group:/house-prices/*"     = ["logs:CreateLogStream", "logs:PutLogEvents"]
      "*" = [
        "ec2messages:AcknowledgeMessage", "ec2messages:DeleteMessage", "ec2messages:FailMessage",
        "ec2messages:GetEndpoint", "ec2messages:GetMessages", "ec2messages:SendReply",
        "ecr:GetAuthorizationToken",
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
      ]
    })
    error_message = "The boundary must allow what instances need, and nothing more."
  }
}
