output "vpc_id" {
  description = "The network."
  value       = aws_vpc.this.id
}

output "subnet_ids" {
  description = "Its public subnets, one a zone."
  value       = [for subnet in aws_subnet.public : subnet.id]

  # Whoever starts something there expects the way out to be open.
  depends_on = [aws_route.internet, aws_route_table_association.public]
}
