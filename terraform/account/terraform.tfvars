region = "us-east-1"

github_owner      = "<owner>"
github_repository = "<repository>"

# Of repositories made (or renamed) after 15 July 2026 the tokens carry numbers; of older ones they do not, unless they
# were switched. This prints both: gh api repos/OWNER/REPOSITORY --jq '.owner.id, .id'
github_owner_id      = null
github_repository_id = null
