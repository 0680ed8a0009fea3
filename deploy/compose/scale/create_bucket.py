"""Creates the bucket that is named, unless it exists. The endpoint and the key come from AWS's variables."""

import sys

from botocore.exceptions import ClientError
from botocore.session import get_session

bucket = sys.argv[1]
client = get_session().create_client("s3")
try:
    client.head_bucket(Bucket=bucket)
except ClientError as error:
    if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
        sys.exit(f"The bucket {bucket} can't be used: {error}")
    client.create_bucket(Bucket=bucket)
print(f"The bucket {bucket} exists.")
