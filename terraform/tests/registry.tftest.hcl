mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name = "house-prices"
}

run "a_tag_always_means_the_same_image" {
  command = plan
  module {
    source = "./modules/registry"
  }

  assert {
    condition     = aws_ecr_repository.this.image_tag_mutability == "IMMUTABLE"
    error_message = "A tag must not be moved to another image: image_tag_mutability should be IMMUTABLE."
  }
}

run "images_are_scanned_and_encrypted" {
  command = plan
  module {
    source = "./modules/registry"
  }

  assert {
    condition     = aws_ecr_repository.this.image_scanning_configuration[0].scan_on_push
    error_message = "Images must be scanned when they are pushed."
  }
  assert {
    condition     = aws_ecr_repository.this.encryption_configuration[0].encryption_type == "AES256"
    error_message = "Images must be encrypted."
  }
}

run "a_repository_with_images_is_not_deleted" {
  command = plan
  module {
    source = "./modules/registry"
  }

  assert {
    condition     = !aws_ecr_repository.this.force_delete
    error_message = "force_delete would take the images that are served with it."
  }
}

run "releases_stay_and_leftovers_go" {
  command = plan
  module {
    source = "./modules/registry"
  }
  variables {
    kept_releases = 12
    untagged_days = 3
  }

  assert {
    condition = [for rule in jsondecode(aws_ecr_lifecycle_policy.this.policy).rules : [
      rule.selection.tagStatus, rule.selection.countType, rule.selection.countNumber, rule.action.type,
      ]] == [
      ["untagged", "sinceImagePushed", 3, "expire"],
      ["tagged", "imageCountMoreThan", 12, "expire"],
    ]
    error_message = "Untagged images go after days, tagged ones only when there are more than kept_releases."
  }
}

run "too_few_releases_are_refused" {
  command = plan
  module {
    source = "./modules/registry"
  }
  variables {
    kept_releases = 1
  }
  expect_failures = [var.kept_releases]
}
