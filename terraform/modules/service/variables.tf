variable "name" {
  description = "Name of the project: of its image repository, and of the container."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 20 lower-case letters, digits and hyphens, the first a letter: AWS's shortest limit, a load balancer's 32, has to hold it and the environment."
  }
}

variable "environment" {
  description = "Which environment this is, such as staging."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,9}$", var.environment))
    error_message = "environment must be 2 to 10 lower-case letters and digits, such as staging."
  }
}

variable "region" {
  description = "The region."
  type        = string
}

variable "vpc_id" {
  description = "The network."
  type        = string
}

variable "subnet_ids" {
  description = "Its public subnets, two of them in two zones."
  type        = list(string)
}

variable "repository_arn" {
  description = "ARN of the one repository that instances may pull from."
  type        = string
}

variable "permissions_boundary_arn" {
  description = "ARN of the policy that bounds the instances' role."
  type        = string
}

variable "tags" {
  description = "Tags for what does not take the provider's default tags: the group and what it starts."
  type        = map(string)
  default     = {}
}

variable "instance_type" {
  description = "Kind of instance, of x86-64."
  type        = string
  default     = "t3.small"

  validation {
    # Graviton's families have a g behind their number: t4g, m7gd.
    condition     = can(regex("^[a-z]+[0-9][a-z-]*\\.[a-z0-9-]+$", var.instance_type)) && !can(regex("^[a-z]+[0-9]+[a-z]*g", var.instance_type))
    error_message = "instance_type must be of an x86-64 family, such as t3.small: the machine image and the container image are made for x86-64, not for Graviton."
  }
}

variable "container_memory" {
  description = "How much memory the container may have, as docker writes it; leave the machine half a gigabyte."
  type        = string
  default     = "1g"

  validation {
    condition     = can(regex("^[1-9][0-9]*[mg]$", var.container_memory))
    error_message = "container_memory must be a whole number with m or g behind it, such as 1g or 1500m."
  }
}

variable "min_size" {
  description = "The fewest instances."
  type        = number
  default     = 1

  validation {
    condition     = var.min_size >= 0 && floor(var.min_size) == var.min_size
    error_message = "min_size must be a whole number of 0 or more."
  }
}

variable "max_size" {
  description = "The most instances; more than one needs a load balancer, so a certificate."
  type        = number
  default     = 1

  validation {
    condition     = var.max_size >= var.min_size && floor(var.max_size) == var.max_size
    error_message = "max_size must be a whole number, and not less than min_size."
  }
  validation {
    condition     = var.max_size <= 1 || var.certificate_arn != null
    error_message = "max_size may be more than 1 only behind the load balancer: give certificate_arn too, since without it clients would have to choose among the instances themselves."
  }
}

variable "desired_capacity" {
  description = "How many instances there should be."
  type        = number
  default     = 1

  validation {
    condition     = var.desired_capacity >= var.min_size && var.desired_capacity <= var.max_size && floor(var.desired_capacity) == var.desired_capacity
    error_message = "desired_capacity must be a whole number from min_size to max_size."
  }
}

variable "allowed_cidrs" {
  description = "IPv4 ranges that may ask the service. None by default: nobody."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.allowed_cidrs : try(cidrhost(cidr, 0) == split("/", cidr)[0], false)])
    error_message = "Each of allowed_cidrs must be an IPv4 range that begins at its first address, such as 203.0.113.0/24, or 203.0.113.7/32 for one address."
  }
  validation {
    # A range as wide as this is the internet, in one piece or in several.
    condition     = var.public || alltrue([for cidr in var.allowed_cidrs : try(tonumber(split("/", cidr)[1]) >= 8, true)])
    error_message = "allowed_cidrs holds 0.0.0.0/0 or another range wider than /8, which opens the service to strangers. Name the ranges of those who need it; if everyone may ask, say so with public = true."
  }
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

  validation {
    condition     = var.certificate_arn == null || can(regex("^arn:aws:acm:${var.region}:[0-9]{12}:certificate/", var.certificate_arn))
    error_message = "certificate_arn must be the ARN of a certificate of AWS Certificate Manager in ${var.region}: arn:aws:acm:${var.region}:<account>:certificate/<id>."
  }
}

variable "log_retention_days" {
  description = "After how many days a line of the log is deleted."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "log_retention_days must be one of CloudWatch's: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731."
  }
}

variable "alarm_email" {
  description = "Who gets a mail when an alarm starts and ends; AWS asks that address once for consent. null: nobody."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_email == null || can(regex("^[^@ ]+@[^@ ]+$", var.alarm_email))
    error_message = "alarm_email must be one mail address, or null."
  }
}
