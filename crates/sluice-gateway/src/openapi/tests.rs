//! The document holds together, and names what it must.

use serde_json::Value;

use super::document;

/// Every `$ref` of a tree.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value.as_str() {
                    Some(target) if key == "$ref" => found.push(target.to_owned()),
                    _ => references(value, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    for target in &found {
        let pointer = target.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{target}");
    }
    for section in ["parameters", "headers", "responses", "schemas"] {
        for name in document["components"][section].as_object().unwrap().keys() {
            let target = format!("#/components/{section}/{name}");
            assert!(found.contains(&target), "{target} is used by nothing");
        }
    }
}

#[test]
fn fields_of_the_requirement_pages_are_named() {
    let check = |schema: &str, fields: &str| {
        let document = document();
        let properties = &document["components"]["schemas"][schema]["properties"];
        for field in fields.split_whitespace() {
            assert!(properties.get(field).is_some(), "{schema}.{field}");
        }
    };
    check(
        "ChatCompletionRequest",
        "model messages temperature top_p n stream stream_options stop max_tokens max_completion_tokens \
         presence_penalty frequency_penalty logit_bias logprobs top_logprobs seed user safety_identifier \
         prompt_cache_key prompt_cache_options prompt_cache_retention metadata store service_tier modalities audio \
         prediction reasoning_effort verbosity web_search_options moderation response_format tools tool_choice \
         parallel_tool_calls functions function_call",
    );
    check(
        "AssistantMessage",
        "role content refusal reasoning_content annotations audio tool_calls function_call",
    );
    check("ChatCompletion", "id object created model choices usage service_tier system_fingerprint");
    check("ChatCompletionChunk", "id object created model choices usage service_tier system_fingerprint");
    check("Delta", "role content refusal reasoning_content tool_calls function_call audio");
    check(
        "Usage",
        "prompt_tokens completion_tokens total_tokens prompt_tokens_details completion_tokens_details",
    );
}

#[test]
fn every_error_status_of_the_interface_is_there() {
    let document = document();
    let answers = &document["paths"]["/v1/chat/completions"]["post"]["responses"];
    for status in [200, 400, 401, 402, 403, 404, 405, 408, 409, 413, 415, 429, 431, 500, 502, 503, 504] {
        assert!(answers.get(status.to_string()).is_some(), "{status}");
    }
    for (name, response) in document["components"]["responses"].as_object().unwrap() {
        let error = &response["content"]["application/json"]["example"]["error"];
        let keys: Vec<&String> = error.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["message", "type", "param", "code"], "{name}");
    }
}

#[test]
fn operations_have_their_own_ids() {
    let document = document();
    let mut ids = Vec::new();
    for path in document["paths"].as_object().unwrap().values() {
        for method in ["get", "post", "patch", "delete"] {
            ids.extend(path[method]["operationId"].as_str().map(str::to_owned));
        }
    }
    let count = ids.len();
    assert_eq!(ids[..6], ["createChatCompletion", "listModels", "getModel", "live", "ready", "metrics"]);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), count), (49, 49), "{ids:?}");
}

#[test]
fn example_requests_are_accepted() {
    let document = document();
    let content =
        &document["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"];
    for (name, example) in content["examples"].as_object().unwrap() {
        let body = example["value"].to_string();
        assert!(sluice_chat::scan::scan(body.as_bytes()).is_ok(), "{name}");
    }
}

#[test]
fn examples_of_the_admin_api_have_the_fields_of_their_schemas() {
    let document = document();
    let mut seen = 0;
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap());
    for (_, operation) in operations.filter(|(_, operation)| operation.is_object()) {
        let content = &operation["requestBody"]["content"]["application/json"];
        let (Some(example), Some(schema)) = (content.get("example"), content["schema"]["$ref"].as_str())
        else {
            continue;
        };
        let schema = document.pointer(&schema[1..]).unwrap();
        for field in example.as_object().unwrap().keys() {
            assert!(schema["properties"].get(field).is_some(), "{}: {field}", operation["operationId"]);
        }
        for field in schema["required"].as_array().into_iter().flatten() {
            assert!(example.get(field.as_str().unwrap()).is_some(), "{}: {field}", operation["operationId"]);
        }
        seen += 1;
    }
    assert_eq!(seen, 8);
}
