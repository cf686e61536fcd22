//! Embeddings, and what is made of them.

use serde_json::{Value, json};

use super::{Server, lacking};
use crate::ai::calls::Reply;
use crate::ai::inputs::{Inputs, missing};
use crate::ai::{AiError, TEXTS_MAX};

/// Vectors of texts; with a question among the inputs, how near each context is to it.
pub(super) async fn embed(server: &Server<'_>, inputs: &Inputs) -> Result<Reply, AiError> {
    if let Some(contexts) = inputs.contexts()? {
        return embed_contexts(server, inputs.string("query"), contexts).await;
    }
    let texts = match (inputs.texts("text")?, inputs.texts("queries")?, inputs.texts("documents")?) {
        (Some(texts), ..) | (None, Some(texts), None) | (None, None, Some(texts)) => texts,
        (None, Some(queries), Some(documents)) => [queries, documents].concat(),
        (None, None, None) => return Err(missing("text")),
    };
    let vectors = vectors(server, &texts).await?;
    let pooling = inputs.string("pooling").unwrap_or("mean");
    Ok(Reply::json(&json!({ "shape": shape(&vectors), "data": vectors, "pooling": pooling })))
}

async fn embed_contexts(
    server: &Server<'_>,
    query: Option<&str>,
    contexts: Vec<String>,
) -> Result<Reply, AiError> {
    let Some(query) = query else {
        let vectors = vectors(server, &contexts).await?;
        return Ok(Reply::json(&json!({ "response": vectors, "shape": shape(&vectors), "pooling": "mean" })));
    };
    let mut texts = vec![query.to_owned()];
    texts.extend(contexts);
    let vectors = vectors(server, &texts).await?;
    let (query, contexts) = vectors.split_first().ok_or_else(|| lacking("data"))?;
    let mut scored: Vec<(usize, f64)> =
        contexts.iter().enumerate().map(|(id, context)| (id, cosine(query, context))).collect();
    scored.sort_by(|one, other| other.1.total_cmp(&one.1));
    Ok(Reply::json(&ranked(&scored)))
}

fn ranked(scored: &[(usize, f64)]) -> Value {
    let response: Vec<Value> = scored.iter().map(|(id, score)| json!({ "id": id, "score": score })).collect();
    json!({ "response": response })
}

fn shape(vectors: &[Vec<f64>]) -> [usize; 2] {
    [vectors.len(), vectors.first().map_or(0, Vec::len)]
}

fn cosine(one: &[f64], other: &[f64]) -> f64 {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let lengths = (product(one, one) * product(other, other)).sqrt();
    if lengths > 0.0 { product(one, other) / lengths } else { 0.0 }
}

/// The vectors of the texts, in their order.
async fn vectors(server: &Server<'_>, texts: &[String]) -> Result<Vec<Vec<f64>>, AiError> {
    if texts.len() > TEXTS_MAX {
        return Err(AiError::schema(format!("must NOT have more than {TEXTS_MAX} items")));
    }
    let answer = server.ask("embeddings", &json!({ "model": server.model, "input": texts })).await?;
    let data = answer["data"].as_array().ok_or_else(|| lacking("data"))?;
    let mut vectors = vec![Vec::new(); texts.len()];
    for (place, item) in data.iter().enumerate() {
        let index = item["index"].as_u64().map_or(place, |index| index as usize);
        let vector: Option<Vec<f64>> =
            item["embedding"].as_array().and_then(|values| values.iter().map(Value::as_f64).collect());
        match (vectors.get_mut(index), vector) {
            (Some(slot), Some(vector)) => *slot = vector,
            _ => return Err(lacking("data[].embedding")),
        }
    }
    let width = vectors.first().map_or(0, Vec::len);
    let whole = vectors.iter().all(|vector| !vector.is_empty() && vector.len() == width);
    if whole {
        Ok(vectors)
    } else {
        Err(AiError::engine(502, "The server gave other vectors than it was asked for"))
    }
}

/// How well each context answers the question.
pub(super) async fn rerank(server: &Server<'_>, inputs: &Inputs) -> Result<Reply, AiError> {
    let query = inputs.required("query")?;
    let contexts = inputs.contexts()?.ok_or_else(|| missing("contexts"))?;
    let count = contexts.len();
    let most = inputs.get("top_k").and_then(Value::as_u64).map_or(count, |most| most as usize).min(count);
    let request = json!({ "model": server.model, "query": query, "documents": contexts, "top_n": most });
    let answer = server.ask("rerank", &request).await?;
    let results =
        answer["results"].as_array().or(answer["data"].as_array()).ok_or_else(|| lacking("results"))?;
    let mut scored = Vec::with_capacity(results.len());
    for result in results {
        let index = result["index"].as_u64().filter(|index| (*index as usize) < count);
        let score = result["relevance_score"].as_f64().or(result["score"].as_f64());
        let (Some(index), Some(score)) = (index, score) else {
            return Err(lacking("results[].relevance_score"));
        };
        scored.push((index as usize, score));
    }
    scored.sort_by(|one, other| other.1.total_cmp(&one.1));
    scored.truncate(most);
    Ok(Reply::json(&ranked(&scored)))
}
