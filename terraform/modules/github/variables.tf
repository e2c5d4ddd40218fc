variable "name" {
  description = "Name of the project: the beginning of every name, and the path of every role."
  type        = string
}

variable "environments" {
  description = "The environments that are deployed to; each is a GitHub environment of the same name."
  type        = set(string)

  validation {
    condition     = alltrue([for environment in var.environments : can(regex("^[a-z][a-z0-9]{1,9}$", environment))])
    error_message = "Each of environments must be 2 to 10 lower-case letters and digits, such as staging."
  }
  validation {
    condition     = !contains(var.environments, "account")
    error_message = "No environment may be called account: account/terraform.tfstate is the state that only people may touch."
  }
}

variable "owner" {
  description = "The user or organisation on GitHub that owns the repository."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+$", var.owner))
    error_message = "owner must be the name of a GitHub user or organisation: the first part of the repository's address, without github.com/."
  }
}

variable "owner_id" {
  description = "Its number, if the subject of the repository's tokens carries numbers; else null."
  type        = number
  default     = null
}

variable "repository" {
  description = "The repository's name, without its owner."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]+$", var.repository))
    error_message = "repository must be the name alone, without owner and slash."
  }
}

variable "repository_id" {
  description = "Its number, if the subject of the repository's tokens carries numbers; else null."
  type        = number
  default     = null

  validation {
    condition     = (var.owner_id == null) == (var.repository_id == null)
    error_message = "Give both owner_id and repository_id, or neither: gh api repos/OWNER/REPOSITORY --jq '.owner.id, .id' prints them."
  }
}

variable "repository_arn" {
  description = "ARN of the one image repository."
  type        = string
}

variable "state_bucket" {
  description = "Name of the bucket that holds the state."
  type        = string
}

variable "region" {
  description = "The region of the environments."
  type        = string
}

variable "account_id" {
  description = "The account of the environments."
  type        = string
}
