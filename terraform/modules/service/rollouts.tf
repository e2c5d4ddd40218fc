# How a release gets onto the instances: a deployment writes the image's digest into the parameter, then sends the
# command. An instance that starts later reads the same parameter.
resource "aws_ssm_parameter" "image" {
  #checkov:skip=CKV2_AWS_34:The name of an image is no secret, and deployments print it
  name        = "/${var.name}/${var.environment}/image"
  description = "The image that every instance of ${local.id} serves: repository@sha256:..., or none"
  type        = "String"
  value       = "none"

  # Deployments write it from here on.
  lifecycle {
    ignore_changes = [value]
  }
}

# It takes no parameters: who may send it can only have done what the parameter says.
resource "aws_ssm_document" "rollout" {
  name            = "${local.id}-rollout"
  document_type   = "Command"
  document_format = "JSON"
  target_type     = "/AWS::EC2::Instance"

  content = jsonencode({
    schemaVersion = "2.2"
    description   = "Serve the image that ${aws_ssm_parameter.image.name} names"
    mainSteps = [{
      action = "aws:runShellScript"
      name   = "rollout"
      inputs = {
        timeoutSeconds = "900"
        runCommand     = ["/usr/local/bin/rollout"]
      }
    }]
  })
}

resource "aws_cloudwatch_log_group" "service" {
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts with its own key; the app logs no record's content, so a key of our own would guard nothing more
  #checkov:skip=CKV_AWS_338:How long is a variable; a year of access lines is more than anyone reads
  name              = "/${var.name}/${var.environment}"
  retention_in_days = var.log_retention_days
}
