# Passed on to the modules, which check them; only what the root itself uses is checked here.

variable "name" {
  description = "Name of the project, as in account/."
  type        = string
  default     = "house-prices"
}

variable "environment" {
  description = "Which environment this is, one of those in account/."
  type        = string
}

variable "region" {
  description = "The region, as in account/ and in the backend file."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.region))
    error_message = "region must be the code of a commercial AWS region, such as us-east-1 or eu-central-1."
  }
}

variable "vpc_cidr" {
  description = "Addresses of the environment's network, a /16."
  type        = string
}

variable "zones" {
  description = "Letters of two availability zones of the region."
  type        = list(string)
  default     = ["a", "b"]

  validation {
    condition     = alltrue([for zone in var.zones : can(regex("^[a-z]$", zone))])
    error_message = "Each of zones must be the letter alone, such as a: the region stands before it by itself."
  }
}

variable "instance_type" {
  description = "Kind of instance, of x86-64."
  type        = string
  default     = "t3.small"
}

variable "container_memory" {
  description = "How much memory the container may have, as docker writes it; leave the machine half a gigabyte."
  type        = string
  default     = "1g"
}

variable "min_size" {
  description = "The fewest instances."
  type        = number
  default     = 1
}

variable "max_size" {
  description = "The most instances; more than one needs certificate_arn."
  type        = number
  default     = 1
}

variable "desired_capacity" {
  description = "How many instances there should be."
  type        = number
  default     = 1
}

variable "allowed_cidrs" {
  description = "IPv4 ranges that may ask the service. None by default: nobody."
  type        = list(string)
  default     = []
}

variable "public" {
  description = "Whether the service is meant for everyone. Opens nothing by itself: it lets allowed_cidrs hold 0.0.0.0/0."
  type        = bool
  default     = false
}

variable "certificate_arn" {
  description = "ARN of an ACM certificate of this region. With it there is a load balancer that speaks HTTPS; null means plain HTTP to the one instance."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "After how many days a line of the log is deleted."
  type        = number
  default     = 30
}

variable "alarm_email" {
  description = "Who gets a mail when an alarm starts and ends; null: nobody."
  type        = string
  default     = null
}
