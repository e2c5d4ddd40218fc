mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  bucket = "house-prices-state-123456789012"
}

run "state_is_private" {
  command = plan
  module {
    source = "./modules/state"
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.state.block_public_acls,
      aws_s3_bucket_public_access_block.state.block_public_policy,
      aws_s3_bucket_public_access_block.state.ignore_public_acls,
      aws_s3_bucket_public_access_block.state.restrict_public_buckets,
    ])
    error_message = "All four blocks of public access must be on."
  }
  assert {
    condition     = alltrue([for statement in jsondecode(aws_s3_bucket_policy.state.policy).Statement : statement.Effect == "Deny"])
    error_message = "The bucket's policy must only deny; who may read is said by the roles."
  }
}

run "state_travels_encrypted_only" {
  command = plan
  module {
    source = "./modules/state"
  }

  assert {
    condition = anytrue([for statement in jsondecode(aws_s3_bucket_policy.state.policy).Statement : (
      statement.Effect == "Deny" && statement.Principal == "*" && statement.Action == "s3:*" &&
      statement.Condition == { Bool = { "aws:SecureTransport" = "false" } } &&
      toset(statement.Resource) == toset(["arn:aws:s3:::${var.bucket}", "arn:aws:s3:::${var.bucket}/*"])
    )])
    error_message = "Whatever comes without TLS must be denied, for the bucket and all in it."
  }
}

run "state_is_encrypted" {
  command = plan
  module {
    source = "./modules/state"
  }

  assert {
    condition = [for rule in aws_s3_bucket_server_side_encryption_configuration.state.rule :
      rule.apply_server_side_encryption_by_default[0].sse_algorithm
    ] == ["AES256"]
    error_message = "The state must be encrypted at rest."
  }
}

run "state_has_a_way_back" {
  command = plan
  module {
    source = "./modules/state"
  }

  assert {
    condition     = aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled"
    error_message = "Without versions a broken state is lost."
  }
}
