// What `cloudflare:vectorize` exports: the words of the API as constants.
({
  DistanceMetric: { EUCLIDEAN: "euclidean", COSINE: "cosine", DOT_PRODUCT: "dot-product" },
  MetadataRetrievalLevel: { ALL: "all", INDEXED: "indexed", NONE: "none" },
  KnownModel: Object.fromEntries(
    [
      "openai/text-embedding-ada-002",
      "cohere/embed-multilingual-v2.0",
      "@cf/baai/bge-small-en-v1.5",
      "@cf/baai/bge-base-en-v1.5",
      "@cf/baai/bge-large-en-v1.5",
    ].map((name) => [name, name]),
  ),
});
