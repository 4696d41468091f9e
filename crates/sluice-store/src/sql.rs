//! Every statement that this crate sends. A test prepares each of them against the current schema.

/// Newest migration that was applied; the table is sqlx's own.
pub(crate) const SCHEMA_VERSION: &str = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";

/// Whether any migration was ever applied.
pub(crate) const HAS_SCHEMA: &str =
    "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";

pub(crate) const ALL_PROJECTS: &str =
    "SELECT name, limits_json, budget_json, origin FROM projects ORDER BY name";
pub(crate) const DELETE_FILE_PROJECTS: &str = "DELETE FROM projects WHERE origin = 'file'";
pub(crate) const INSERT_PROJECT: &str = "INSERT INTO projects (name, limits_json, budget_json, origin) \
     VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";

pub(crate) const ALL_KEYS: &str = "SELECT id, name, hash, prefix, project, models_json, limits_json, \
     model_limits_json, budget_json, default_max_output_tokens, expires_at, owner, revoked, origin \
     FROM keys ORDER BY name";
pub(crate) const DELETE_FILE_KEYS: &str = "DELETE FROM keys WHERE origin = 'file'";
pub(crate) const INSERT_KEY: &str = "INSERT INTO keys (id, name, hash, prefix, project, models_json, limits_json, \
     model_limits_json, budget_json, default_max_output_tokens, expires_at, owner, revoked, origin) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING";
pub(crate) const KEY_NAME_OF_HASH: &str = "SELECT name FROM keys WHERE hash = $1";

pub(crate) const ALL_PROVIDERS: &str =
    "SELECT name, kind, base_url, options_json, origin FROM providers ORDER BY name";
pub(crate) const DELETE_FILE_PROVIDERS: &str = "DELETE FROM providers WHERE origin = 'file'";
pub(crate) const INSERT_PROVIDER: &str = "INSERT INTO providers (name, kind, base_url, options_json, origin) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";

pub(crate) const ALL_MODELS: &str =
    "SELECT name, targets_json, price_json, options_json, origin FROM models ORDER BY name";
pub(crate) const DELETE_FILE_MODELS: &str = "DELETE FROM models WHERE origin = 'file'";
pub(crate) const INSERT_MODEL: &str = "INSERT INTO models (name, targets_json, price_json, options_json, origin) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";

/// All of the above, for the test that prepares them.
#[cfg(test)]
pub(crate) const EVERY: &[&str] = &[
    SCHEMA_VERSION,
    HAS_SCHEMA,
    ALL_PROJECTS,
    DELETE_FILE_PROJECTS,
    INSERT_PROJECT,
    ALL_KEYS,
    DELETE_FILE_KEYS,
    INSERT_KEY,
    KEY_NAME_OF_HASH,
    ALL_PROVIDERS,
    DELETE_FILE_PROVIDERS,
    INSERT_PROVIDER,
    ALL_MODELS,
    DELETE_FILE_MODELS,
    INSERT_MODEL,
];
