variable "name" {
  description = "Name of the network, and the beginning of the names in it."
  type        = string
}

variable "cidr" {
  description = "Addresses of the network. They matter only if it is ever joined to another one."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && can(regex("/16$", var.cidr))
    error_message = "cidr must be an IPv4 range of the size /16, such as 10.20.0.0/16."
  }
}

variable "zones" {
  description = "Two availability zones of the region."
  type        = list(string)

  validation {
    condition     = length(distinct(var.zones)) == 2 && length(var.zones) == 2
    error_message = "zones must be two different availability zones, such as [\"us-east-1a\", \"us-east-1b\"]: a load balancer needs two."
  }
}
