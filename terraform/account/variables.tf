variable "name" {
  description = "Name of the project: the image repository's name, and the beginning of every other name."
  type        = string
  default     = "house-prices"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 20 lower-case letters, digits and hyphens, the first a letter: AWS's shortest limit, a load balancer's 32, has to hold it and the environment."
  }
}

variable "region" {
  description = "The region of everything."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.region))
    error_message = "region must be the code of a commercial AWS region, such as us-east-1 or eu-central-1."
  }
}

variable "environments" {
  description = "The environments that are deployed to; each is a GitHub environment of the same name, and a file in environments/."
  type        = set(string)
  default     = ["staging", "production"]
}

variable "github_owner" {
  description = "The user or organisation on GitHub that owns the repository."
  type        = string
}

variable "github_owner_id" {
  description = "Its number, or null if the tokens of the repository carry none; see terraform.tfvars."
  type        = number
  default     = null
}

variable "github_repository" {
  description = "The repository's name, without its owner."
  type        = string
}

variable "github_repository_id" {
  description = "Its number, or null if the tokens of the repository carry none; see terraform.tfvars."
  type        = number
  default     = null
}
