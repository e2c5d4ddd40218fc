# The rest is in account.s3.tfbackend. The bucket is made by this very root: README.md says how the first apply goes.
terraform {
  backend "s3" {
    use_lockfile = true
    encrypt      = true
  }
}
