"""Forms which issuers give their credentials: those that they document, or that their tokens show."""

import re
from dataclasses import dataclass

__all__ = ["FORMS", "Form"]


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of credential: the prefixes at which it begins, and its pattern from there, whose group is judged.

    Where no prefix is given, the pattern is searched for in the long words of a text.
    """

    kind: str
    anchors: tuple[str, ...]
    pattern: re.Pattern[str]


def _form(kind: str, anchors: str, body: str) -> Form:
    """Return a form from its prefixes, separated by spaces, and the pattern of what follows them.

    In a body ``%w`` stands for a letter or digit, ``%s`` for these and ``-_``, ``%h`` for a hexadecimal digit.
    """
    for short, characters in (("%w", "[A-Za-z0-9]"), ("%s", "[A-Za-z0-9_-]"), ("%h", "[0-9A-Fa-f]")):
        body = body.replace(short, characters)
    prefixes = tuple(anchors.split())
    group = body if re.search(r"(?<!\\)\((?!\?)", body) else f"({body})"
    either = "|".join(map(re.escape, prefixes))
    start = "" if anchors.startswith(":") else "(?<![A-Za-z0-9])"
    return Form(kind, prefixes, re.compile(f"{start}(?:{either}){group}(?![A-Za-z0-9])"))


_UUID = "%h{8}-%h{4}-%h{4}-%h{4}-%h{12}"

FORMS = (
    _form("aws-access-key", "AKIA ASIA ABIA ACCA", "[A-Z2-7]{16}"),
    _form("aws-session-token", "FwoGZXIvYXdz IQoJb3JpZ2luX2Vj", r"[A-Za-z0-9/+]{80,}={0,2}"),
    _form("aws-bedrock-key", "ABSK", r"[A-Za-z0-9/+]{100,}={0,2}"),
    _form("github", "ghp_ gho_ ghu_ ghs_ ghr_", "%w{36,}"),
    _form("github-fine-grained", "github_pat_", r"\w{82}"),
    _form("gitlab", "glpat- gldt- glrt- glcbt- glptt- glagent- glft- glsoat- glimt- gloas- glffct- glrtr-", "%s{20,}"),
    _form("gitlab", "GR1348941", "%s{20,}"),
    _form("atlassian", "ATATT3 ATCTT3 ATBB", "[A-Za-z0-9_=-]{24,}"),
    _form("slack", "xoxa- xoxb- xoxe- xoxe. xoxo- xoxp- xoxr- xoxs- xoxd- xoxc- xapp-", "[A-Za-z0-9.%-]{10,}"),
    _form("slack-webhook", "hooks.slack.com/", r"(?:services|workflows|triggers)/\w+/\w+/(?:\d+/)?(\w{10,})"),
    _form("discord-webhook", "api/webhooks/", r"\d{17,20}/(%s{60,})"),
    _form("teams-webhook", "webhook.office.com/webhookb2/", rf"{_UUID}@{_UUID}/\w+/(%h{{32}})/{_UUID}"),
    _form("discord-bot", "", r"[MNO]%s{22,27}\.%s{6}\.%s{27,40}"),
    _form("telegram", ":AA", r"(?<=\d{8}:AA)(%s{33})"),
    _form("stripe", "sk_live_ sk_test_ rk_live_ rk_test_ whsec_", "%w{16,}"),
    _form("square", "sq0atp- sq0csp- sq0idp-", "%s{22,}"),
    _form("braintree", "access_token$production$ access_token$sandbox$", "%w{16}[$]%h{32}"),
    _form("plaid", "access-sandbox- access-development- access-production-", _UUID),
    _form("langfuse", "sk-lf-", _UUID),
    _form("razorpay", "rzp_live_", "%w{14,}"),
    _form("flutterwave", "FLWSECK- FLWSECK_TEST-", "%h{32}-X"),
    _form("shopify", "shpat_ shpss_ shpca_ shppa_", "[0-9a-fA-F]{32}"),
    _form("openai", "sk-", "%s{16,}T3BlbkFJ%s{16,}"),
    _form("openai", "sk-proj- sk-svcacct- sk-admin-", "%s{40,}"),
    _form("anthropic", "sk-ant-", r"[a-z]+\d\d-(%s{80,})"),
    _form("openrouter", "sk-or-v1-", "%h{64}"),
    _form("deepseek", "sk-", "[a-f0-9]{32}"),
    _form("huggingface", "hf_ api_org_", "[A-Za-z]{34}"),
    _form("groq", "gsk_", "%w{48,}"),
    _form("perplexity", "pplx-", "%w{40,}"),
    _form("xai", "xai-", "%w{70,}"),
    _form("replicate", "r8_", "%w{37}"),
    _form("nvidia", "nvapi-", "%s{60,}"),
    _form("langsmith", "lsv2_pt_ lsv2_sk_", "%h{32}_%h{10}"),
    _form("pinecone", "pcsk_", "%s{50,}"),
    _form("elevenlabs", "sk_", "%h{48}"),
    _form("fireworks", "fw_", "%w{24}"),
    _form("cerebras", "csk-", "%w{40,}"),
    _form("tavily", "tvly-", "%s{20,}"),
    _form("voyage", "pa-", "%s{40,}"),
    _form("firecrawl", "fc-", "%h{32}"),
    _form("jina", "jina_", "%s{50,}"),
    _form("runpod", "rpa_", "%w{40,}"),
    _form("weights-and-biases", "wandb_v1_", "%s{60,}"),
    _form("google-api-key", "AIza", "%s{35}"),
    _form("google-oauth", "GOCSPX-", "%s{28}"),
    _form("google-oauth", "ya29.", "%s{40,}"),
    _form("google-oauth", "1//0", "%s{40,}"),
    _form("firebase", ":APA91b", "(?<=%s{8}:APA91b)(%s{100,})"),
    _form("azure-key", "AccountKey= accountkey= ACCOUNTKEY= SharedAccessKey= AccessKey=", r"[A-Za-z0-9+/]{43,}={1,2}"),
    _form("azure-sas", "sig=", "[A-Za-z0-9%+/]{40,}(?:%3D|=)"),
    _form("yandex", "AQVN", "%s{35,}"),
    _form("alibaba", "LTAI", "%w{16,}"),
    _form("tencent", "AKID", "%w{32}"),
    _form("digitalocean", "dop_v1_ doo_v1_ dor_v1_", "%h{64}"),
    _form("heroku", "HRKU-", f"(?:{_UUID}|AA%s{{58,}})"),
    _form("fly", "fm2_ fm1r_ fo1_", "[A-Za-z0-9+/_=-]{40,}"),
    _form("netlify", "nfp_", "%w{36}"),
    _form("vercel", "vcp_ vck_ vca_ vci_ vcr_", "%w{24,}"),
    _form("render", "rnd_", "%w{28,}"),
    _form("cloudflare", "v1.0-", "%h{24}-%h{146}"),
    _form("supabase", "sbp_ sb_secret_", "%s{28,}"),
    _form("planetscale", "pscale_tkn_ pscale_pw_ pscale_oauth_", r"[\w.=-]{32,}"),
    _form("neon", "napi_", "%w{40,}"),
    _form("mongodb-atlas", "mdb_sa_sk_", "%s{30,}"),
    _form("databricks", "dapi", r"%h{32}(?:-\d)?"),
    _form("scaleway", "SCWSECRET", "%w{20,}"),
    _form("npm", "npm_", "%w{36}"),
    _form("pypi", "pypi-AgE", "%s{60,}"),
    _form("crates-io", "cio", "%w{32}"),
    _form("rubygems", "rubygems_", "%h{48}"),
    _form("nuget", "oy2", "[a-z0-9]{43}"),
    _form("clojars", "CLOJARS_", "%h{60}"),
    _form("docker", "dckr_pat_ dckr_oat_", "%s{27,}"),
    _form("artifactory", "AKCp", "%w{60,}"),
    _form("artifactory", "cmVmdGtuO", "%w{55,}"),
    _form("twilio", "SK", "%h{32}"),
    _form("sendgrid", "SG.", r"%s{16,32}\.%s{32,64}"),
    _form("mailgun", "key-", "%h{32}"),
    _form("mailchimp", "", r"%h{32}-us\d{1,2}"),
    _form("brevo", "xkeysib- xsmtpsib-", "%h{64}-%w{16}"),
    _form("resend", "re_", "%w{8,12}_%w{20,}"),
    _form("vault", "hvs. hvb. hvr.", "%s{24,}"),
    _form("terraform-cloud", "", r"%w{14}\.atlasv1\.%s{60,}"),
    _form("pulumi", "pul-", "%h{40}"),
    _form("doppler", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", r"(?:[a-z0-9_-]+\.)?(%w{40,})"),
    _form("one-password", "ops_eyJ", r"[A-Za-z0-9+/=_-]{100,}"),
    _form("one-password", "A3-", "[A-Z0-9]{6}-[A-Z0-9]{6,11}-[A-Z0-9-]{11,}"),
    _form("age-key", "AGE-SECRET-KEY-1", "[A-Z0-9]{58}"),
    _form("grafana", "glsa_", "%w{32}_%h{8}"),
    _form("new-relic", "NRAK- NRJS- NRII- NRRA- NRIQ-", "%s{19,}"),
    _form("grafana", "glc_eyJ", r"[A-Za-z0-9+/=]{40,}"),
    _form("sentry", "sntrys_eyJ sntryu_", r"[A-Za-z0-9+/=_]{40,}"),
    _form("dynatrace", "dt0c01. dt0s01. dt0s16.", r"[A-Z0-9]{8,24}\.([A-Z0-9]{60,})"),
    _form("honeycomb", "hcaik_ hcbik_ hcalk_ hcamk_", "%w{40,}"),
    _form("launchdarkly", "sdk- api- mob-", _UUID),
    _form("sonar", "squ_ sqp_ sqa_ sqs_", "%h{40}"),
    _form("circleci", "CCIPAT_ CCIPRJ_", "%w{20,}_%h{40}"),
    _form("buildkite", "bkua_ bkpt_", "%h{40}"),
    _form("sourcegraph", "sgp_", "(?:%h{16}_|local_)?(%h{40})"),
    _form("postman", "PMAK-", "%h{24}-%h{34}"),
    _form("airtable", "pat", r"%w{14}\.%h{64}"),
    _form("notion", "ntn_", "%w{40,}"),
    _form("notion", "secret_", "%w{43}"),
    _form("linear", "lin_api_ lin_oauth_ lin_wh_", "%w{40,}"),
    _form("figma", "figd_ figo_ figu_", "%s{40,}"),
    _form("typeform", "tfp_", r"[\w.-]{40,}"),
    _form("dropbox", "sl.", "%s{120,}"),
    _form("mapbox", "sk.eyJ", r"%s{50,}\.%s{20,}"),
    _form("facebook", "EAA", "%w{100,}"),
    _form("twitter", "AAAAAAAAAAAAAAAAAAAAA", r"[A-Za-z0-9%]{60,}"),
    _form("contentful", "CFPAT-", "%s{43}"),
    _form("prefect", "pnu_ pnb_", "%w{36}"),
    _form("hubspot", "pat-na1- pat-eu1-", _UUID),
    _form("easypost", "EZAK EZTK", "%w{54}"),
    _form("adafruit", "aio_", "%w{28}"),
    _form("tailscale", "tskey-auth- tskey-api- tskey-client- tskey-scim- tskey-webhook- tskey-", "%w{11,}-%w{16,}"),
    _form("readme", "rdme_", "%w{70}"),
    _form("duffel", "duffel_live_ duffel_test_", "%s{43}"),
    _form("shippo", "shippo_live_ shippo_test_", "%h{40}"),
    _form("intra42", "s-s4t2ud- s-s4t2af-", "%h{64}"),
    _form("private-key", "", r"MII[A-Za-z0-9+/]{3}IBAAK[BC][A-Za-z0-9+/]{16,}={0,2}"),
    _form("private-key", "", r"MII[A-Za-z0-9+/]{2,3}IBADANBgkqhkiG9w0BAQEFAAS[A-Za-z0-9+/]{16,}={0,2}"),
    _form("private-key", "MHcCAQEEI MIGkAgEBBDA MIHcAgEBBEI", "[A-Za-z0-9+/]{16,}={0,2}"),
    _form(
        "private-key",
        "MIGHAgEAMBMGByqGSM49 MIGTAgEAMBMGByqGSM49 MIG2AgEAMBAGByqG MIHuAgEAMBAGByqG",
        r"[\w+/]{16,}={0,2}",
    ),
    _form("private-key", "MC4CAQAwBQYDK2VwBCIEI MC4CAQAwBQYDK2VuBCIEI", "[A-Za-z0-9+/]{40,}={0,2}"),
    _form("private-key", "b3BlbnNzaC1rZXktdjEA", "[A-Za-z0-9+/]{16,}={0,2}"),
    # base64 of "-----BEGIN ", but neither of a certificate nor of a public key
    _form("private-key", "LS0tLS1CRUdJTi", "(?!BDRVJUSUZ|BQVUJM|BSU0EgUFVC)[A-Za-z0-9+/]{40,}={0,2}"),
    _form("paseto", "k1.secret. k2.secret. k3.secret. k4.secret.", "%s{40,}"),
    _form("jwt", "eyJ", r"%s{8,}\.ey(%s{10,})\.%s{20,}"),
    _form("kubernetes-bootstrap", "kubeadm join", r"[^\n]{0,80}--token ([a-z0-9]{6}\.[a-z0-9]{16})"),
    _form("password-hash", "$1$ $apr1$", "[A-Za-z0-9./]{4,8}[$][A-Za-z0-9./]{22}"),
    _form("password-hash", "$5$ $6$", "(?:rounds=[0-9]+[$])?[A-Za-z0-9./]{8,16}[$](?:[A-Za-z0-9./]{43}){1,2}"),
    _form("password-hash", "$2a$ $2b$ $2y$", "[0-9][0-9][$][A-Za-z0-9./]{53}"),
    _form("password-hash", "$y$", "[A-Za-z0-9./]{2,8}[$][A-Za-z0-9./]{8,32}[$][A-Za-z0-9./]{43}"),
    _form("microsoft-client-secret", "", r"[\w~.]{3}\dQ~[\w~.-]{31,34}"),
    _form("azure-devops", "JQQJ99", "%w{68,}"),
)
