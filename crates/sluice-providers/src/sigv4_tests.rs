use super::*;

/// 2015-08-30T12:36:00Z, the time of AWS's test suite.
const SUITE_TIME: u64 = 1_440_938_160;

fn credentials(session_token: Option<&str>) -> AwsCredentials {
    AwsCredentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
        session_token: session_token.map(str::to_owned),
    }
}

/// The signature of a request in the form `METHOD path?query`, with `host` and further headers.
fn signature(line: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
    let (method, target) = line.split_once(' ').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut all = vec![("Host", "example.amazonaws.com")];
    all.extend_from_slice(headers);
    let body_sha256 = body_hash([body]);
    let request = Unsigned { method, path, query, headers: &all, body_sha256: &body_sha256 };
    let scope = Scope { region: "us-east-1", service: "service" };
    let signed = sign(&credentials(None), &scope, &request, SUITE_TIME);
    let (_, authorization) = signed.last().unwrap();
    authorization.rsplit_once("Signature=").unwrap().1.to_owned()
}

const VANILLA: &str = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

#[test]
fn paths_of_the_test_suite() {
    let check = |line: &str, expect: &str| assert_eq!(signature(line, &[], b""), expect, "{line}");
    check("GET /", VANILLA);
    check("GET ", VANILLA);
    for same in ["//", "/./", "/example/..", "/example1/example2/../.."] {
        check(&format!("GET {same}"), VANILLA);
    }
    check("GET /example/", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84");
    check("GET //example//", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84");
    check("GET /./example", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5");
    check("GET /ሴ", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
    check("GET /example space/", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741");
    let unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    check(&format!("GET /{unreserved}"), "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f");
}

#[test]
fn queries_of_the_test_suite() {
    let check = |line: &str, expect: &str| assert_eq!(signature(line, &[], b""), expect, "{line}");
    check("GET /?", VANILLA);
    let sorted = "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500";
    check("GET /?Param1=value1&Param2=value2", sorted);
    check("GET /?Param2=value2&Param1=value1", sorted);
    check(
        "GET /?Param1=value2&Param1=Value1",
        "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
    );
    check(
        "GET /?Param1=value2&Param1=value1",
        "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
    );
    check("GET /?Param1=value1", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb");
    check("GET /?ሴ=bar", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04");
    check("GET /?%E1%88%B4=bar", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04");
}

#[test]
fn headers_of_the_test_suite() {
    let check = |headers: &[(&str, &str)], expect: &str| {
        assert_eq!(signature("GET /", headers, b""), expect, "{headers:?}");
    };
    check(
        &[("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")],
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    );
    check(
        &[
            ("My-Header1", "value4"),
            ("My-Header1", "value1"),
            ("My-Header1", "value3"),
            ("My-Header1", "value2"),
        ],
        "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
    );
    check(
        &[("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    );
}

#[test]
fn bodies_of_the_test_suite() {
    let check = |line: &str, headers: &[(&str, &str)], body: &str, expect: &str| {
        assert_eq!(signature(line, headers, body.as_bytes()), expect, "{line} {headers:?}");
    };
    check("POST /", &[], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
    check(
        "POST /",
        &[("My-Header1", "VALUE1")],
        "",
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    );
    check(
        "POST /?Param1=value1",
        &[],
        "",
        "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
    );
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    check(
        "POST /",
        &form,
        "Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    );
    let form = [("Content-Type", "application/x-www-form-urlencoded; charset=utf8")];
    check(
        "POST /",
        &form,
        "Param1=value1",
        "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
    );
}

/// The signatures are those of AWS's own library for Python (botocore) for the same requests.
#[test]
fn bedrock_paths_are_encoded_once_more() {
    let check = |path: &str, token: Option<&str>, expect: &[(&str, &str)]| {
        let body_sha256 = body_hash([&b"{\"messages\""[..], b":[]}"]);
        let host = ("host", "bedrock-runtime.eu-central-1.amazonaws.com");
        let headers = [("Content-Type", "application/json"), host];
        let request =
            Unsigned { method: "POST", path, query: "", headers: &headers, body_sha256: &body_sha256 };
        let scope = Scope { region: "eu-central-1", service: BEDROCK };
        let signed = sign(&credentials(token), &scope, &request, SUITE_TIME);
        assert_eq!(signed.iter().map(|(n, v)| (*n, &**v)).collect::<Vec<_>>(), expect);
    };
    check(
        "/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream",
        None,
        &[
            ("x-amz-date", "20150830T123600Z"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-central-1/bedrock/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date, \
                 Signature=7a623536f465189fb2e50a49480898d6c0255e29e8b26acb7ebb1389f94801b8",
            ),
        ],
    );
    check(
        "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Ainference-profile%2Feu.x/converse",
        Some("AQoDYXdz//TOKEN=="),
        &[
            ("x-amz-date", "20150830T123600Z"),
            ("x-amz-security-token", "AQoDYXdz//TOKEN=="),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-central-1/bedrock/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, \
                 Signature=2c91c378e712148df68a497ff0d85afc2d6cad5fd4aeeb190cfd1c0af625bf14",
            ),
        ],
    );
}

#[test]
fn long_keys_and_times_beyond_all_calendars() {
    assert_eq!(
        hex(&hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First")),
        // RFC 4231, case 6.
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    );
    assert_eq!(stamp(0), "19700101T000000Z");
    assert_eq!(stamp(253_402_300_799), "99991231T235959Z");
    assert_eq!(stamp(u64::MAX), "19700101T000000Z");
    assert!(!format!("{:?}", credentials(Some("t"))).contains("wJalr"));
}
