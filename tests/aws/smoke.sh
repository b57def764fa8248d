#!/usr/bin/env bash
# A first try on AWS itself: deploys template.yaml, calls three of its five functions (hello directly, orders-api over
# HTTP, orders-worker through the queue), looks for their spans, and takes it all down.
#
#     tests/aws/smoke.sh                      spans go to the log, where the script looks for them
#     tests/aws/smoke.sh https://otlp.example.com 'authorization=Bearer%20…'
#                                             spans go to a backend, where you look for them
#
# Needs an AWS account, the aws and sam command lines with credentials, and cargo-lambda. A few calls of small
# functions cost less than a cent. ARCH=arm64 tries the other processor; KEEP=1 leaves the stack in place.
#
# The script itself has not been run against AWS yet; what it deploys is checked by `make sam` and `make aws`.
set -euo pipefail
cd "$(dirname "$0")/../.."

endpoint=${1:-}
headers=${2:-}
architecture=${ARCH:-x86_64}
stack=${STACK:-spanlayer-smoke-$architecture}
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region)}}
export AWS_REGION=$region AWS_DEFAULT_REGION=$region

answer=$(mktemp)
finish() {
    local status=$?
    rm -f "$answer"
    if [[ -n ${KEEP:-} ]]; then
        echo "left in place; remove it by: sam delete --stack-name $stack --region $region --no-prompts"
    else
        sam delete --stack-name "$stack" --region "$region" --no-prompts
    fi
    exit "$status"
}

output() {
    aws cloudformation describe-stacks --stack-name "$stack" --output text \
        --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue"
}

# invoke FUNCTION EVENT: fails when the function failed.
invoke() {
    local failure
    failure=$(aws lambda invoke --function-name "$1" --cli-binary-format raw-in-base64-out --payload "$2" \
        --query FunctionError --output text "$answer")
    echo "$1: $(cat "$answer")"
    [[ $failure == None ]]
}

# in_the_log PATTERN: how many lines of the functions' log match a CloudWatch Logs filter pattern.
in_the_log() {
    aws logs filter-log-events --log-group-name "$log" --filter-pattern "$1" --query 'length(events[])' --output text |
        awk '{ sum += $1 } END { print sum + 0 }'
}

overrides=("Architecture=$architecture" "Environment=smoke")
[[ -z $endpoint ]] || overrides+=("OtlpEndpoint=$endpoint" "OtlpHeaders=$headers")

sam build --parameter-overrides "${overrides[@]}"
trap finish EXIT
sam deploy --stack-name "$stack" --region "$region" --resolve-s3 --capabilities CAPABILITY_IAM \
    --no-confirm-changeset --no-fail-on-empty-changeset --parameter-overrides "${overrides[@]}"
log=$(output LogGroup)

echo "== a cold and two warm invocations"
for _ in 1 2 3; do
    invoke "$(output HelloName)" '{"name":"Ada"}'
done

echo "== an HTTP request"
curl --fail-with-body --silent --show-error "$(output OrdersApiUrl)orders" --header 'content-type: application/json' \
    --data '{"customer":"c-17","items":[{"sku":"tea","quantity":2}]}'
echo

echo "== a message"
aws sqs send-message --queue-url "$(output OrdersQueueUrl)" --query MessageId --output text \
    --message-body '{"customer":"c-17","items":[{"sku":"tea","quantity":2}]}'

echo "== the log, as soon as it is there (two minutes at most)"
for _ in {1..24}; do
    sleep 5
    reports=$(in_the_log '"REPORT RequestId"')
    spans=$(in_the_log '"resourceSpans"')
    echo "$reports invocations reported, $spans lines with spans"
    if ((reports >= 5)) && { [[ -n $endpoint ]] || ((spans > 0)); }; then
        aws logs filter-log-events --log-group-name "$log" --filter-pattern '"REPORT RequestId"' \
            --query 'events[].message' --output text
        echo "passed"
        exit 0
    fi
done
echo "no telemetry within two minutes; what the extension said:" >&2
aws logs filter-log-events --log-group-name "$log" --filter-pattern '"spanlayer"' --query 'events[].message' --output text >&2
exit 1
