resource "aws_ecr_repository" "this" {
  #checkov:skip=CKV_AWS_136:The images hold no secret; ECR's own key encrypts them, a key of our own would cost and be one more thing to lose
  name = var.name

  # A tag that was seen to work means the same bytes for ever; a release is a new tag.
  image_tag_mutability = "IMMUTABLE"
  force_delete         = false

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "AES256"
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this.name
  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "Pushes that were given up leave images without a tag"
        selection = {
          tagStatus   = "untagged"
          countType   = "sinceImagePushed"
          countUnit   = "days"
          countNumber = var.untagged_days
        }
        action = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "The last releases, to roll back to"
        selection = {
          tagStatus      = "tagged"
          tagPatternList = ["*"]
          countType      = "imageCountMoreThan"
          countNumber    = var.kept_releases
        }
        action = { type = "expire" }
      },
    ]
  })
}
