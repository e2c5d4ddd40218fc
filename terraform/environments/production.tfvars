environment = "production"
region      = "us-east-1"
vpc_cidr    = "10.30.0.0/16"

instance_type    = "t3.small"
min_size         = 1
max_size         = 1
desired_capacity = 1

# Who may ask, such as ["203.0.113.0/24"]. Nobody yet; deployments open the door for their own check.
allowed_cidrs = []
public        = false

# The ARN of an ACM certificate adds a load balancer with HTTPS.
certificate_arn = null

log_retention_days = 90
alarm_email        = null
