//! Schemas of what is configured: keys, projects, providers, models. Each as it is sent, as it is changed and as it is
//! shown.

use serde_json::{Map, Value, json};

use crate::openapi::schema::{list, object, only, optional, optional_list, plain, schema, with, words};

const MONEY_MAX: u64 = 1_000_000_000_000_000_000;
const TOKENS_MAX: u64 = 1_000_000_000_000;

/// An integer, or null.
fn number(minimum: u64, maximum: u64, description: &str) -> Value {
    json!({ "type": ["integer", "null"], "minimum": minimum, "maximum": maximum, "description": description })
}

fn tokens(description: &str) -> Value {
    number(1, TOKENS_MAX, description)
}

fn amount(description: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": MONEY_MAX, "description": description })
}

fn maybe_amount(description: &str) -> Value {
    number(0, MONEY_MAX, description)
}

fn flag(description: &str) -> Value {
    optional("boolean", description)
}

fn name(description: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 200, "description": description })
}

/// A schema that is there, or null.
fn maybe(name: &str, description: &str) -> Value {
    json!({ "anyOf": [schema(name), { "type": "null" }], "description": description })
}

/// An object without other fields than these.
fn closed(required: &[&str], properties: Value) -> Value {
    with(object(required, properties), json!({ "additionalProperties": false }))
}

/// What is sent to make an object, what to change it, and what of it is shown beside.
struct Forms {
    names: [&'static str; 3],
    required: &'static [&'static str],
    form: Map<String, Value>,
    /// Sent, and never shown.
    secret: Map<String, Value>,
    shown: Map<String, Value>,
}

impl Forms {
    fn schemas(self) -> [(&'static str, Value); 3] {
        let Self { names: [form_name, patch_name, shown_name], required, form, secret, shown } = self;
        let sent: Map<String, Value> =
            form.iter().chain(&secret).map(|(k, v)| (k.clone(), v.clone())).collect();
        let mut all = form;
        all.extend(shown);
        let keys: Vec<String> = all.keys().cloned().collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let shown = object(&keys, Value::Object(all.clone()));
        [
            (form_name, closed(required, Value::Object(sent.clone()))),
            (patch_name, closed(&[], Value::Object(sent.into_iter().map(partly).collect()))),
            (shown_name, shown),
        ]
    }
}

/// A field of a change: objects are merged too, so nothing of them must be there.
fn partly((name, schema): (String, Value)) -> (String, Value) {
    let of = |value: Value| with(closed(&[], value), json!({ "type": ["object", "null"] }));
    let schema = match name.as_str() {
        "budget" => of(budget_fields()),
        "price" => of(with(price_fields(), json!({ "long_context": of(long_context_fields()) }))),
        _ => schema,
    };
    (name, schema)
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let mut all = vec![
        ("Limits", limits()),
        ("Budget", closed(&["limit_nanousd", "period"], budget_fields())),
        ("SpentBudget", spent_budget()),
        ("Price", price()),
        ("LongContextPrice", long_context()),
        ("Target", target()),
        ("NewKey", new_key()),
    ];
    for forms in [key(), project(), provider(), model()] {
        all.extend(forms.schemas());
    }
    all
}

fn limits() -> Value {
    closed(
        &[],
        json!({
            "rpm": number(1, u64::from(u32::MAX), "Requests a minute."),
            "tpm": tokens("Tokens a minute."),
            "parallel": number(1, u64::from(u32::MAX), "Requests at the same time."),
            "max_output_tokens": tokens("Largest output limit that may be asked for."),
        }),
    )
}

fn budget_fields() -> Value {
    json!({
        "limit_nanousd": amount("Nano-dollars (1 USD = 1 000 000 000) that may be spent in a period."),
        "period": {
            "type": "string", "enum": ["day", "week", "month", "total"],
            "description": "When the budget is full again, by the UTC calendar; `total`: never."
        },
    })
}

fn spent_budget() -> Value {
    let fields = with(
        budget_fields(),
        json!({
            "spent_nanousd": plain("integer", "Spent in the current period."),
            "reserved_nanousd": plain("integer", "Held by nodes for requests, in the current period."),
        }),
    );
    object(&["limit_nanousd", "spent_nanousd", "reserved_nanousd", "period"], fields)
}

fn origin() -> Value {
    json!({
        "type": "string", "enum": ["file", "first_run", "admin", "environment", "built_in"],
        "description": "Who made it. What is of `file`, `environment` or `built_in` cannot be changed here."
    })
}

fn key() -> Forms {
    let by_model = json!({
        "type": ["object", "null"], "additionalProperties": maybe("Limits", "Limits for this model."),
        "description": "Names of models, each with limits for it alone."
    });
    Forms {
        names: ["KeyForm", "KeyPatch", "Key"],
        required: &["name"],
        form: map(json!({
            "name": name("Every key has its own."),
            "project": optional("string", "The project that it belongs to; `default` without it."),
            "models": optional_list(
                json!({ "type": "string" }),
                "Names of models, or beginnings of names followed by `*`; all without it."
            ),
            "limits": maybe("Limits", "No limit may be above the project's."),
            "model_limits": by_model,
            "budget": maybe("Budget", "Not above the project's."),
            "default_max_output_tokens": tokens("Output limit of requests that name none."),
            "expires_at": { "type": ["string", "null"], "format": "date-time", "description": "When it ends." },
            "owner_user_id": optional("string", "Whose it is.")
        })),
        secret: Map::new(),
        shown: map(json!({
            "id": plain("string", "`key_…`; stays for the life of the key."),
            "prefix": plain("string", "The first characters of its secret."),
            "budget": maybe("SpentBudget", "With what is spent of it."),
            "revoked": plain("boolean", "Whether nobody can use it any more."),
            "previous_valid_until": optional("string", "Until when the secret before the last rotation is valid."),
            "created_at": optional("string", "When it was made; null for keys of the configuration file."),
            "origin": origin()
        })),
    }
}

fn new_key() -> Value {
    let secret = object(&["secret"], json!({ "secret": plain("string", "`sk-…`: shown this once.") }));
    json!({ "allOf": [schema("Key"), secret] })
}

fn project() -> Forms {
    Forms {
        names: ["ProjectForm", "ProjectPatch", "Project"],
        required: &["name"],
        form: map(json!({
            "name": name("Cannot be changed."),
            "limits": maybe("Limits", "Of all its keys together."),
            "budget": maybe("Budget", "Of all its keys together.")
        })),
        secret: Map::new(),
        shown: map(
            json!({ "budget": maybe("SpentBudget", "With what is spent of it."), "origin": origin() }),
        ),
    }
}

fn provider() -> Forms {
    let headers = json!({
        "type": ["object", "null"], "additionalProperties": { "type": ["string", "null"] },
        "description": "Names and values of headers for every request; values are not shown again."
    });
    Forms {
        names: ["ProviderForm", "ProviderPatch", "Provider"],
        required: &["name", "kind"],
        form: map(json!({
            "name": name("What targets and callers say; cannot be changed."),
            "kind": plain("string", "A kind of provider, such as `openai` or `openai-compatible`."),
            "base_url": optional("string", "Its address; that of the kind without it."),
            "forward_headers": optional_list(json!({ "type": "string" }), "Headers of callers that are passed on."),
            "http2": flag("Call it over HTTP/2."),
            "internal": flag("Plain http, and addresses on networks of your own, are meant."),
            "inline_media": flag("Media that the provider cannot fetch by URL are fetched for it."),
            "region": optional("string", "AWS region; only of `bedrock`."),
            "project": optional("string", "Google Cloud project; only of `vertex`."),
            "location": optional("string", "Google Cloud location, `global` without it; only of `vertex`."),
            "api_version": optional("string", "Version of Azure's API; only of `azure`."),
            "tenant_id": optional("string", "Entra tenant, with `client_id` and `client_secret`; only of `azure`."),
            "client_id": optional("string", "Entra application; only of `azure`.")
        })),
        secret: map(json!({
            "api_key": optional("string", "Sent to this provider alone; never shown. Where the address or the kind \
                changes it has to be sent again."),
            "api_keys": optional_list(json!({ "type": "string" }), "In place of `api_key`: keys that share the \
                requests. As every credential, they are sent again as a whole, and null takes them away."),
            "access_key_id": optional("string", "AWS access key, with `secret_access_key`; only of `bedrock`."),
            "secret_access_key": optional("string", "Its secret."),
            "session_token": optional("string", "Belongs to temporary AWS keys."),
            "credentials": optional("string", "The text of a Google credentials file; only of `vertex`."),
            "client_secret": optional("string", "Secret of the Entra application; only of `azure`."),
            "headers": headers
        })),
        shown: map(json!({
            "has_api_key": plain("boolean", "Whether there is a credential."),
            "header_names": list(json!({ "type": "string" }), "Names of the headers for every request."),
            "origin": origin()
        })),
    }
}

fn prices() -> Value {
    json!({
        "input_nanousd_per_mtok": amount("Prompt, in nano-dollars for a million tokens."),
        "output_nanousd_per_mtok": amount("Completion."),
        "cache_read_nanousd_per_mtok": maybe_amount("Prompt that the provider had in its cache."),
    })
}

fn price() -> Value {
    closed(&["input_nanousd_per_mtok", "output_nanousd_per_mtok"], price_fields())
}

fn price_fields() -> Value {
    let more = json!({
        "cache_write_nanousd_per_mtok": maybe_amount("Prompt written into the cache for five minutes."),
        "cache_write_1h_nanousd_per_mtok": maybe_amount("Prompt written into the cache for an hour."),
        "reasoning_nanousd_per_mtok": maybe_amount("Reasoning."),
        "audio_input_nanousd_per_mtok": maybe_amount("Audio in the prompt."),
        "audio_output_nanousd_per_mtok": maybe_amount("Audio in the completion."),
        "long_context": maybe("LongContextPrice", "Other prices for long prompts."),
    });
    with(prices(), more)
}

fn long_context() -> Value {
    let required = ["above_tokens", "input_nanousd_per_mtok", "output_nanousd_per_mtok"];
    closed(&required, long_context_fields())
}

fn long_context_fields() -> Value {
    let above = "Prompts longer than this.";
    let above = json!({ "type": "integer", "minimum": 1, "maximum": TOKENS_MAX, "description": above });
    with(prices(), json!({ "above_tokens": above }))
}

fn capabilities() -> Value {
    json!({
        "context_length": tokens("Tokens that it can take."),
        "max_output_tokens": tokens("Tokens that it can give."),
        "capabilities": optional_list(json!({ "type": "string" }), "What it can do, such as `tools` and `vision`."),
    })
}

fn target() -> Value {
    closed(
        &["provider", "model"],
        with(
            json!({
                "provider": plain("string", "Name of a provider."),
                "model": plain("string", "What that provider calls the model."),
                "weight": number(1, 1_000, "Share among targets of one priority; 1 without it."),
                "priority": number(0, 100, "The lowest is tried first; 0 without it."),
            }),
            capabilities(),
        ),
    )
}

fn model() -> Forms {
    let wait = |description: &str| number(1, 86_400_000, description);
    let part = |properties: Value, description: &str| {
        with(closed(&[], properties), json!({ "type": ["object", "null"], "description": description }))
    };
    let timeouts = part(
        json!({
            "connect_ms": wait("To connect."), "first_token_ms": wait("To the first content of a stream."),
            "idle_ms": wait("Between two events."), "total_ms": wait("The whole request."),
        }),
        "Clocks of a request, in milliseconds.",
    );
    let retry = part(
        json!({
            "max_attempts": number(1, 20, "Most calls of targets."),
            "retry_after_wait_ms": number(0, 60_000, "Longest `Retry-After` that is waited for."),
        }),
        "Attempts of a request.",
    );
    let hedge = part(
        json!({
            "enabled": flag("Whether there are hedged requests."),
            "min_delay_ms": wait("Shortest wait before a second target is started."),
            "budget_percent": number(0, 100, "Largest share of the model's requests."),
        }),
        "A second request when the first is slow.",
    );
    let form = json!({
        "name": name("What callers send; cannot be changed."),
        "targets": with(list(schema("Target"), "Who answers, in the order of `priority`."), json!({ "minItems": 1, "maxItems": 100 })),
        "price": maybe("Price", "The bundled prices without it."),
        "unpriced": words(&["free"], "`free`: keys with a budget may use it although it has no price."),
        "timeouts": timeouts,
        "retry": retry,
        "hedge": hedge,
        "stream_repair": words(&["splice", "off"], "What happens to a stream that breaks."),
        "strict": flag("Refuse requests rather than send them without a field."),
        "default_max_output_tokens": tokens("Output limit of requests that name none."),
    });
    let origin = json!({ "origin": with(origin(), json!({ "type": "string" })) });
    Forms {
        names: ["AdminModelForm", "AdminModelPatch", "AdminModel"],
        required: &["name", "targets"],
        form: map(with(form, capabilities())),
        secret: Map::new(),
        shown: map(origin),
    }
}

/// Names that an enumeration has.
pub(super) fn one_of(names: &[&str]) -> Value {
    json!({ "anyOf": names.iter().map(|name| only(name)).collect::<Vec<_>>() })
}
