# The rest is in environments/<environment>.s3.tfbackend.
terraform {
  backend "s3" {
    use_lockfile = true
    encrypt      = true
  }
}
