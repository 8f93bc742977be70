"""Made-up credentials in real forms, and harmless texts that resemble them.

All are put together when they are imported, so that no line of this file looks like a credential.
"""

import base64
import random
import string

_CHANCE = random.Random(5)
_DRAWN = set()
"""What was drawn by chance, in pieces that are long enough to be told from other text."""
UPPER, LOWER, LETTERS, DIGITS = string.ascii_uppercase, string.ascii_lowercase, string.ascii_letters, string.digits
HEX, WORD = "0123456789abcdef", string.ascii_letters + string.digits


def _drawn(text):
    _DRAWN.update([text] if len(text) >= 9 else [])
    return text


def secret_of(text):
    """Return what is secret in a text of `CREDENTIALS`: the longest of what was drawn by chance for it."""
    return max((each for each in _DRAWN if each in text), key=len)


def some(count, alphabet=WORD):
    return _drawn("".join(_CHANCE.choices(alphabet, k=count)))


def uuid():
    return _drawn("-".join(some(count, HEX) for count in (8, 4, 4, 4, 12)))


def b64(text):
    return _drawn(base64.b64encode(text.encode() if isinstance(text, str) else text).decode())


def human(middle="k9#mP"):
    """Return a password as people choose them: three kinds of characters, none of a word alone."""
    return _drawn(f"{some(2, UPPER)}{some(2, LOWER)}{middle}{some(3, DIGITS)}")


def pem(kind="RSA ", between="\n", body=None):
    dashes, private = "-" * 5, "PRIVATE"
    body = body or b64(b"\x30\x82\x04\xa4\x02\x01\x00\x02\x82\x01\x01\x00" + _CHANCE.randbytes(180))
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    _drawn(lines[2])
    return between.join(
        [f"{dashes}BEGIN {kind}{private} KEY{dashes}", *lines, f"{dashes}END {kind}{private} KEY{dashes}"]
    )


def jwt():
    header, claims = b64('{"alg":"HS256","typ":"JWT"}').rstrip("="), b64('{"sub":"u-81","role":"ops"}').rstrip("=")
    return f"{header}.{claims}.{some(43)}"


_OPENSSH = b64(b"openssh-key-v1\0" + _CHANCE.randbytes(200))
_PKCS8 = b64(bytes.fromhex("308204bd020100300d06092a864886f70d0101010500048204a7") + _CHANCE.randbytes(160))

CREDENTIALS = {
    # cloud
    "AWS access key": f'aws_access_key_id = "{"AK" + "IA"}{some(16, UPPER + "234567")}"',
    "AWS temporary key": f'"{"AS" + "IA"}{some(16, UPPER + "234567")}"',
    "AWS secret in a file of variables": f"AWS_SECRET_ACCESS_KEY={some(40)}",
    "AWS secret in Rust": f'let aws_secret_access_key = "{some(40)}";',
    "AWS session token": f"aws_session_token = {'IQoJb3' + 'JpZ2luX2Vj'}{some(160)}=",
    "Google API key": f'const MAPS: &str = "{"AI" + "za"}{some(35)}";',
    "Google client secret": f'"client_secret": "{"GOC" + "SPX-"}{some(28)}"',
    "Google access token": f"{'ya' + '29.'}{some(120)}",
    "Google service account": f'"private_key": "{pem("", chr(92) + "n", _PKCS8)}{chr(92)}n",',
    "Azure storage": f"DefaultEndpointsProtocol=https;AccountName=a;{'Account' + 'Key='}{some(86)}==;",
    "Azure service bus": f'"Endpoint=sb://x/;SharedAccessKeyName=Root;{"SharedAccess" + "Key="}{some(43)}="',
    "Azure client secret": f'AZURE_CLIENT_SECRET="{some(3)}8{"Q~"}{some(34)}"',
    "DigitalOcean": f'"{"dop" + "_v1_"}{some(64, HEX)}"',
    "Heroku": f"HEROKU_API_KEY={uuid()}",
    "Cloudflare": f'CLOUDFLARE_API_TOKEN: "{some(40)}"',
    "Netlify": f'"{"nf" + "p_"}{some(36)}"',
    "Fly.io": f"FLY_API_TOKEN={'fm' + '2_'}{some(120)}",
    "Supabase": f'"{"sb" + "p_"}{some(40, HEX)}"',
    "PlanetScale": f'"{"pscale" + "_tkn_"}{some(43)}"',
    "Databricks": f'"{"da" + "pi"}{some(32, HEX)}"',
    "Alibaba": f"access_key_id: {'LT' + 'AI'}{some(20)}",
    # where code and packages are kept
    "GitHub personal": f'"{"gh" + "p_"}{some(36)}"',
    "GitHub OAuth": f'"{"gh" + "o_"}{some(36)}"',
    "GitHub app": f"x-access-token:{'gh' + 's_'}{some(36)}@",
    "GitHub fine-grained": f'"{"github" + "_pat_"}{some(22)}_{some(59)}"',
    "GitLab personal": f'"{"gl" + "pat-"}{some(20)}"',
    "GitLab runner": f"--token {'gl' + 'rt-'}{some(20)}",
    "Bitbucket app password": f'"{"AT" + "BB"}{some(32)}"',
    "Atlassian": f"{'ATA' + 'TT3'}xFfGF0{some(150)}={some(8, UPPER)}",
    "npm": f"//registry.npmjs.org/:_authToken={'np' + 'm_'}{some(36)}",
    "npm of a private registry": f"//npm.corp/:_auth={b64('deploy:' + human())}",
    "PyPI": f'"{"pypi-" + "AgEIcHlwaS5vcmc"}{some(70)}"',
    "crates.io": f'token = "{"ci" + "o"}{some(32)}"',
    "RubyGems": f"{'ruby' + 'gems_'}{some(48, HEX)}",
    "NuGet": f'<add key="nuget" value="{"oy" + "2"}{some(43, LOWER + DIGITS)}" />',
    "Docker Hub": f'"{"dckr" + "_pat_"}{some(27)}"',
    "Docker login": f'"auth": "{b64("ci:" + human())}"',
    "Artifactory": f'"{"AK" + "Cp"}{some(69)}"',
    # payment, mail, messages
    "Stripe live": f'"{"sk_" + "live_"}{some(24)}"',
    "Stripe restricted": f'"{"rk_" + "live_"}{some(24)}"',
    "Stripe webhook": f'"{"wh" + "sec_"}{some(32)}"',
    "Square": f'"{"sq0" + "atp-"}{some(22)}"',
    "Shopify": f'"{"shp" + "at_"}{some(32, HEX)}"',
    "Plaid": f'"{"access-" + "production-"}{uuid()}"',
    "SendGrid": f'"{"S" + "G."}{some(22)}.{some(43)}"',
    "Mailgun": f'"{"ke" + "y-"}{some(32, HEX)}"',
    "Mailchimp": f'"{some(32, HEX)}-us19"',
    "Brevo": f'"{"xkey" + "sib-"}{some(64, HEX)}-{some(16)}"',
    "Twilio key": f'"{"S" + "K"}{some(32, HEX)}"',
    "Twilio auth token": f'let auth_token = "{some(32, HEX)}";',
    "Slack bot": f'"{"xo" + "xb-"}{some(12, DIGITS)}-{some(12, DIGITS)}-{some(24)}"',
    "Slack app": f'"{"xa" + "pp-"}1-A{some(10, UPPER)}-{some(13, DIGITS)}-{some(64, HEX)}"',
    "Slack webhook": f'"https://{"hooks." + "slack.com"}/services/T{some(8, UPPER)}/B{some(8, UPPER)}/{some(24)}"',
    "Discord webhook": f'"https://discord.com/{"api/" + "webhooks/"}{some(18, DIGITS)}/{some(68)}"',
    "Discord bot": f'"{"MT"}{some(24)}.{"Gx"}{some(4)}.{some(38)}"',
    "Telegram bot": f'let bot = "{some(10, DIGITS)}:{"A" + "A"}{some(33)}";',
    "Teams webhook": f"https://x.webhook.office.com/{'webhook' + 'b2/'}{uuid()}@{uuid()}/IncomingWebhook/"
    f"{some(32, HEX)}/{uuid()}",
    # models
    "OpenAI": f'"{"sk-" + "proj-"}{some(74)}{"T3Blbk" + "FJ"}{some(74)}"',
    "Anthropic": f'"{"sk-" + "ant-api03-"}{some(93)}AA"',
    "Hugging Face": f'"{"h" + "f_"}{some(34, LETTERS)}"',
    "Groq": f'"{"gs" + "k_"}{some(52)}"',
    "Replicate": f'"{"r8" + "_"}{some(37)}"',
    "OpenRouter": f'"{"sk-" + "or-v1-"}{some(64, HEX)}"',
    "Weights & Biases": f"WANDB_API_KEY={some(40, HEX)}",
    # operation
    "Vault": f'"{"hv" + "s."}{some(24)}"',
    "Terraform Cloud": f'token = "{some(14)}.{"atlas" + "v1."}{some(67)}"',
    "Grafana": f'"{"gl" + "sa_"}{some(32)}_{some(8, HEX)}"',
    "New Relic": f'"{"NR" + "AK-"}{some(27, UPPER + DIGITS)}"',
    "Datadog": f"DD_API_KEY: {some(32, HEX)}",
    "Sentry": f'"{"sntry" + "u_"}{some(64, HEX)}"',
    "Doppler": f'"{"dp." + "pt."}{some(43)}"',
    "Tailscale": f"{'tskey-' + 'auth-'}{some(12)}CNTRL-{some(32)}",
    "CircleCI": f'circle_token = "{some(40, HEX)}"',
    "Postman": f'"{"PM" + "AK-"}{some(24, HEX)}-{some(34, HEX)}"',
    "Linear": f'"{"lin" + "_api_"}{some(40)}"',
    "Notion": f'"{"nt" + "n_"}{some(46)}"',
    "Figma": f'"{"fig" + "d_"}{some(43)}"',
    # keys
    "RSA key": pem(),
    "OpenSSH key": pem("OPENSSH ", body=_OPENSSH),
    "PGP key": f"{'-' * 5}BEGIN PGP {'PRIVATE'} KEY BLOCK{'-' * 5}\nVersion: GnuPG v2\n\n{some(64)}\n{some(64)}\n",
    "key in one line": f'const KEY: &str = "{pem("EC ", chr(92) + "n")}";',
    "key in joined literals": 'const KEY = "' + pem(between='\\n" +\n    "') + '";',
    "key without its header": f'let der = decode("{_PKCS8}");',
    "PuTTY key": f"{'Private' + '-Lines'}: 3\n{some(64)}\n{some(64)}\n{some(20)}\nPrivate-MAC: {some(40, HEX)}",
    "age key": f"{'AGE-SECRET' + '-KEY-1'}{some(58, UPPER)}",
    "WireGuard": f"PrivateKey = {b64(_CHANCE.randbytes(32))}",
    "JSON web token": f'"{jwt()}"',
    # by their names and places
    "password in Rust": f'let password = "{human()}";',
    "password of a type": f'const DB_PASSWORD: &\'static str = "{human("!x")}";',
    "password in JSON": f'  "password": "{human()}",',
    "password in YAML": f"  password: {human('-q7')}",
    "password in a file of variables": f"export PGPASSWORD={human('_z')}",
    "password in XML": f"<password>{human('!w2')}</password>",
    "password as a default": f'password = os.environ.get("DB_PASSWORD", "{human()}")',
    "password of a builder": f'    .password("{human("$v")}")',
    "password of a command": f"curl -u deploy:{human()} https://api.example.com/v1",
    "address of a database": f"postgres{'://'}admin:{some(16)}@db.example.com:5432/prod",
    "address of a host without a dot": f"redis{'://'}:{some(16)}@cache:6379/0",
    "basic authentication": f"Authorization: Basic {b64('deploy:' + human())}",
    "Dynatrace": f'"{"dt0c" + "01."}{some(24, UPPER + DIGITS)}.{some(64, UPPER + DIGITS)}"',
}


_DIGEST = some(64, HEX)
HARMLESS = {
    "AWS's example": f'"{"AK" + "IA"}IOSFODNN7{"EXAMPLE"}"',
    "AWS's example of a secret": f'aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCY{"EXAMPLE"}KEY"',
    "GitHub token of one letter": f'"{"gh" + "p_"}{"x" * 36}"',
    "Stripe key to be filled in": f'"{"sk_" + "live_"}your_key_goes_here_please"',
    "Slack token to be filled in": f'"{"xo" + "xb-"}your-bot-token-here"',
    "Slack webhook of one letter": f"https://{'hooks.' + 'slack.com'}/services/T00000000/B00000000/{'X' * 24}",
    "Anthropic key of dots": f'"{"sk-" + "ant-api03-"}{"." * 93}"',
    "Google key in a row": f'"{"AI" + "za"}Sy{WORD[:33]}"',
    "GitLab token as a pattern": f'Regex::new(r"{"gl" + "pat-"}[0-9a-zA-Z_-]{{20}}")',
    "key header as a constant": f'const HEADER: &str = "{"-" * 5}BEGIN RSA {"PRIVATE"} KEY{"-" * 5}\\n";',
    "key header that is looked for": f'if line == "{"-" * 5}BEGIN {"PRIVATE"} KEY{"-" * 5}" {{',
    "key left out": f"{'-' * 5}BEGIN {'PRIVATE'} KEY{'-' * 5}\n...\n{'-' * 5}END {'PRIVATE'} KEY{'-' * 5}",
    "certificate": f"{'-' * 5}BEGIN CERTIFICATE{'-' * 5}\nMIIDdzCCAl+gAwIBAgIE{some(44)}\n",
    "public key": f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{some(43)} jo@host",
    "JSON web token of jwt.io": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkw"
    f"IiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.{some(43)}",
    "address with words": f'"postgres{"://"}user:password@localhost:5432/test"',
    "address of a template": f'format!("https{"://"}{{user}}:{{password}}@{{host}}/")',
    "password of a test": 'let password = "test1234";',
    "password from the environment": 'let password = env::var("DB_PASSWORD")?;',
    "password of a template": 'password: "${DB_PASSWORD}"',
    "name of a secret": 'secret_name = "projects/my-app/secrets/db-password/versions/2"',
    "digest": f'checksum = "{_DIGEST}"',
    "integrity": f'"integrity": "sha512-{b64(_CHANCE.randbytes(64))}"',
    "parser": "fn parse_token(token: &str) -> Result<Token2, Error> { lexer.next_token(token, Secret::Key1) }",
}
