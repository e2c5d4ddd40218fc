output "service_tag" {
  description = "Value of the tag Service, on the instances and on the group that lets clients in."
  value       = module.service.service_tag
}

output "clients_group" {
  description = "Name of the security group that lets clients in."
  value       = module.service.clients_group
}

output "image_parameter" {
  description = "The SSM parameter that names the image."
  value       = module.service.image_parameter
}

output "rollout_document" {
  description = "The SSM document that makes instances serve what the parameter names."
  value       = module.service.rollout_document
}

output "log_group" {
  description = "Where the container's log goes."
  value       = module.service.log_group
}

output "alarm_topic_arn" {
  description = "Where alarms are published."
  value       = module.service.alarm_topic_arn
}

output "load_balancer" {
  description = "Name of the load balancer, for a CNAME of the certificate's domain; null without one."
  value       = module.service.load_balancer
}
