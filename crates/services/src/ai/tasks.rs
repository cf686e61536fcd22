//! What models do. Cloudflare's catalogue says it of each; their names give it away.

/// What a model does, and so which shapes its inputs and outputs have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Goes on with a conversation. Answers `{response}`.
    TextGeneration,
    /// The same, answering as OpenAI's chat completions do.
    Chat,
    /// Vectors of texts.
    Embeddings,
    /// Which of several texts fit a question.
    Reranking,
    /// A shorter text.
    Summarization,
    /// A text in another language.
    Translation,
    /// The same for Indian languages, several texts at a time.
    IndicTranslation,
    /// Labels of a text.
    TextClassification,
    /// Labels of a picture.
    ImageClassification,
    /// What is where in a picture.
    ObjectDetection,
    /// What a picture shows.
    ImageToText,
    /// A picture as a file.
    TextToImage,
    /// A picture in Base64.
    TextToImageBase64,
    /// What is said, as Whisper answers.
    SpeechRecognition,
    /// The same, as Whisper large v3 turbo answers.
    SpeechRecognitionTurbo,
    /// The same, as Deepgram's models answer.
    SpeechRecognitionDeepgram,
    /// Speech in Base64.
    TextToSpeech,
    /// Speech as a file.
    TextToSpeechStream,
}

use Task as T;

/// The names of tasks in settings and in the catalogue.
const NAMES: [(Task, &str); 18] = [
    (T::TextGeneration, "text-generation"),
    (T::Chat, "chat"),
    (T::Embeddings, "text-embeddings"),
    (T::Reranking, "reranking"),
    (T::Summarization, "summarization"),
    (T::Translation, "translation"),
    (T::IndicTranslation, "indic-translation"),
    (T::TextClassification, "text-classification"),
    (T::ImageClassification, "image-classification"),
    (T::ObjectDetection, "object-detection"),
    (T::ImageToText, "image-to-text"),
    (T::TextToImage, "text-to-image"),
    (T::TextToImageBase64, "text-to-image-base64"),
    (T::SpeechRecognition, "automatic-speech-recognition"),
    (T::SpeechRecognitionTurbo, "automatic-speech-recognition-turbo"),
    (T::SpeechRecognitionDeepgram, "automatic-speech-recognition-deepgram"),
    (T::TextToSpeech, "text-to-speech"),
    (T::TextToSpeechStream, "text-to-speech-stream"),
];

/// Parts of models' names, and what such models do. The first that fits counts.
const BY_PART: [(&str, Task); 31] = [
    ("reranker", T::Reranking),
    ("/bge-", T::Embeddings),
    ("embedding", T::Embeddings),
    ("whisper-large-v3-turbo", T::SpeechRecognitionTurbo),
    ("whisper", T::SpeechRecognition),
    ("/nova-", T::SpeechRecognitionDeepgram),
    ("melotts", T::TextToSpeech),
    ("/aura-", T::TextToSpeechStream),
    ("m2m100", T::Translation),
    ("indictrans", T::IndicTranslation),
    ("bart-large", T::Summarization),
    ("distilbert", T::TextClassification),
    ("detr-", T::ObjectDetection),
    ("resnet", T::ImageClassification),
    ("llava", T::ImageToText),
    ("uform", T::ImageToText),
    ("flux", T::TextToImageBase64),
    ("lucid", T::TextToImageBase64),
    ("stable-diffusion", T::TextToImage),
    ("dreamshaper", T::TextToImage),
    ("phoenix", T::TextToImage),
    ("gpt-oss", T::Chat),
    ("kimi-", T::Chat),
    ("/glm-", T::Chat),
    ("nemotron", T::Chat),
    ("gemma-4", T::Chat),
    ("qwen3", T::Chat),
    ("/granite-", T::TextGeneration),
    ("/llama-", T::TextGeneration),
    ("/mistral", T::TextGeneration),
    ("/gemma-", T::TextGeneration),
];

impl Task {
    /// What the model of that name does: text generation where nothing says otherwise.
    pub fn of_model(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let fits = BY_PART.iter().find(|(part, _)| name.contains(part));
        fits.map_or(T::TextGeneration, |(_, task)| *task)
    }

    /// Its name in settings.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(task, _)| *task == self).map_or("", |(_, name)| name)
    }

    /// The task of that name.
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(task, _)| *task)
    }

    /// The names of all tasks.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(_, name)| *name)
    }

    /// Whether it answers as OpenAI's chat completions do.
    pub(super) fn is_open_ai_shaped(self) -> bool {
        self == T::Chat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_models_do() {
        for (name, task) in [
            ("@cf/meta/llama-3.1-8b-instruct", T::TextGeneration),
            ("@cf/qwen/qwen2.5-coder-32b-instruct", T::TextGeneration),
            ("@cf/openai/gpt-oss-120b", T::Chat),
            ("@cf/qwen/qwen3-30b-a3b-fp8", T::Chat),
            ("@cf/qwen/qwen3-embedding-0.6b", T::Embeddings),
            ("@cf/baai/bge-m3", T::Embeddings),
            ("@cf/baai/bge-reranker-base", T::Reranking),
            ("@cf/openai/whisper", T::SpeechRecognition),
            ("@cf/openai/whisper-large-v3-turbo", T::SpeechRecognitionTurbo),
            ("@cf/deepgram/nova-3", T::SpeechRecognitionDeepgram),
            ("@cf/deepgram/aura-2-en", T::TextToSpeechStream),
            ("@cf/black-forest-labs/flux-1-schnell", T::TextToImageBase64),
            ("@cf/stabilityai/stable-diffusion-xl-base-1.0", T::TextToImage),
            ("@cf/meta/m2m100-1.2b", T::Translation),
            ("@cf/facebook/detr-resnet-50", T::ObjectDetection),
            ("@cf/microsoft/resnet-50", T::ImageClassification),
            ("@cf/huggingface/distilbert-sst-2-int8", T::TextClassification),
            ("somebody's own", T::TextGeneration),
        ] {
            assert_eq!(Task::of_model(name), task, "{name}");
        }
    }

    #[test]
    fn every_task_has_a_name_of_its_own() {
        for (task, name) in NAMES {
            assert_eq!((Task::named(name), task.name()), (Some(task), name));
        }
    }
}
