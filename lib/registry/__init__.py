"""Where bundles are kept, and what is in service: a folder or S3, channels of numbered records, signatures.

It imports modelbundle alone; boto3 and cryptography only where an `s3:` address or a key is used.
"""
