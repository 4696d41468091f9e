//! Bodies as somebody would send them: the reference shows them, and they can be sent from there.

use serde_json::{Value, json};

/// The example of a body with this schema.
pub(super) fn of(schema: &str) -> Option<Value> {
    Some(match schema {
        "KeyForm" => json!({
            "name": "search-team",
            "project": "default",
            "models": ["gpt-4o-mini", "sandbox/*"],
            "limits": { "rpm": 600, "tpm": 1_000_000 },
            "budget": { "limit_nanousd": 50_000_000_000_u64, "period": "month" }
        }),
        "KeyPatch" => json!({ "limits": { "rpm": 1200 }, "expires_at": "2027-12-31T00:00:00Z" }),
        "ProjectForm" => json!({
            "name": "search",
            "limits": { "rpm": 6000 },
            "budget": { "limit_nanousd": 500_000_000_000_u64, "period": "month" }
        }),
        "ProjectPatch" => {
            json!({ "budget": { "limit_nanousd": 800_000_000_000_u64, "period": "month" } })
        }
        "ProviderForm" => json!({
            "name": "openai",
            "kind": "openai",
            "base_url": "https://api.openai.com/v1",
            "api_key": "sk-..."
        }),
        "ProviderPatch" => json!({ "api_key": "sk-..." }),
        "AdminModelForm" => json!({
            "name": "fast",
            "targets": [
                { "provider": "sandbox", "model": "text", "weight": 3 },
                { "provider": "sandbox", "model": "echo", "priority": 1 }
            ],
            "price": { "input_nanousd_per_mtok": 150_000_000, "output_nanousd_per_mtok": 600_000_000 }
        }),
        "AdminModelPatch" => json!({ "retry": { "max_attempts": 3 } }),
        _ => return None,
    })
}
