# GitHub's workflows get AWS's permissions by the token that GitHub signs for each job: no key is stored anywhere.
# Which job gets which role is said by the token's subject, compared as a whole.
resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

locals {
  owner      = var.owner_id == null ? var.owner : "${var.owner}@${var.owner_id}"
  repository = var.repository_id == null ? var.repository : "${var.repository}@${var.repository_id}"

  roles = merge(
    {
      plan    = { subject = "pull_request", policy = local.plan_policy, description = "Shows in a pull request what it would change; reads only" }
      apply   = { subject = "environment:infrastructure", policy = local.apply_policy, description = "Applies the environments' terraform; cannot touch these roles" }
      release = { subject = "ref:refs/heads/main", policy = local.release_policy, description = "Pushes images" }
    },
    { for environment in var.environments : "deploy-${environment}" => {
      subject     = "environment:${environment}"
      policy      = local.deploy_policies[environment]
      description = "Rolls an image out to ${environment}"
    } },
  )
}

resource "aws_iam_role" "this" {
  for_each = local.roles

  name        = "${var.name}-${each.key}"
  path        = "/${var.name}/github/"
  description = each.value.description

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = aws_iam_openid_connect_provider.github.arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = "repo:${local.owner}/${local.repository}:${each.value.subject}"
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = local.roles

  name   = each.key
  role   = aws_iam_role.this[each.key].name
  policy = each.value.policy

  lifecycle {
    precondition {
      condition     = length(each.value.policy) <= 10240
      error_message = "The policy of ${each.key} has ${length(each.value.policy)} characters; AWS allows 10,240 in the policies of a role. Join statements that name the same resources."
    }
  }
}
