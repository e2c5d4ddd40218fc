variable "name" {
  description = "Name of the repository."
  type        = string
}

variable "kept_releases" {
  description = "How many tagged images are kept, the newest first. An environment must not serve an older one: its next instance could not pull it."
  type        = number
  default     = 50

  validation {
    condition     = var.kept_releases >= 10 && floor(var.kept_releases) == var.kept_releases
    error_message = "kept_releases must be a whole number of 10 or more, so that the image in production stays while newer ones are tried."
  }
}

variable "untagged_days" {
  description = "After how many days an image without a tag goes."
  type        = number
  default     = 7

  validation {
    condition     = var.untagged_days >= 1 && floor(var.untagged_days) == var.untagged_days
    error_message = "untagged_days must be a whole number of 1 or more."
  }
}
