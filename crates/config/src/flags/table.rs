//! Every compatibility flag of the Workers runtime: its two names, and when it is on by default.
//!
//! The facts are those of workerd's `compatibility-date.capnp` (August 2026), with the Python flags that came
//! after it. A new flag is a new line.

use super::{Flag, flag, lasting};

pub(super) const FLAGS: &[Flag] = &[
    // Python.
    lasting("python_workers"),
    lasting("python_workers_development").experimental(),
    lasting("python_external_packages"),
    flag("python_workers_20250116", "no_python_workers_20250116")
        .implied_by(&["python_workers"], "2025-09-29"),
    lasting("python_workers_durable_objects").experimental(),
    flag("python_workflows", "disable_python_workflows").implied_by(&["python_workers"], "2025-09-20"),
    flag("python_no_global_handlers", "disable_python_no_global_handlers").since("2025-08-14"),
    lasting("python_workers_force_new_vendor_path").since("2025-08-11"),
    flag("python_dedicated_snapshot", "disable_python_dedicated_snapshot")
        .implied_by(&["python_workers_20250116"], "2025-10-16"),
    flag("enable_python_external_sdk", "disable_python_external_sdk").since("2026-04-21"),
    flag("python_workflows_implicit_dependencies", "no_python_workflows_implicit_dependencies")
        .implied_by(&["python_workers"], "2026-02-25"),
    flag("python_request_headers_preserve_commas", "disable_python_request_headers_preserve_commas")
        .since("2026-02-17"),
    flag("python_process_pth_files", "disable_python_process_pth_files").since("2026-05-26"),
    flag("python_workers_20260610", "no_python_workers_20260610"),
    flag("python_workers_20260817", "no_python_workers_20260817").experimental(),
    flag("python_workers_314", "no_python_workers_314").implied_by(&["python_workers"], "2026-09-08"),
    lasting("python_dedicated_snapshot_keep_import_caches"),
    lasting("auto_inject_python_workers"),
    flag("python_check_rng_state", "disable_python_check_rng_state")
        .implied_by(&["python_workers"], "2025-12-16"),
    // The web platform, bindings and the runtime itself.
    flag("formdata_parser_supports_files", "formdata_parser_converts_files_to_strings").since("2021-11-03"),
    flag("fetch_refuses_unknown_protocols", "fetch_treats_unknown_protocols_as_http").since("2021-11-10"),
    lasting("html_rewriter_treats_esi_include_as_void_tag"),
    flag("durable_object_fetch_requires_full_url", "durable_object_fetch_allows_relative_url")
        .since("2021-11-10"),
    flag("streams_byob_reader_detaches_buffer", "streams_byob_reader_does_not_detach_buffer")
        .since("2021-11-10"),
    flag("streams_enable_constructors", "streams_disable_constructors").since("2022-11-30"),
    flag("workers_api_getters_setters_on_prototype", "workers_api_getters_setters_on_instance")
        .since("2022-01-31"),
    flag("minimal_subrequests", "no_minimal_subrequests").since("2022-04-05"),
    flag("no_cots_on_external_fetch", "cots_on_external_fetch").since("2022-03-08"),
    flag("url_standard", "url_original").since("2022-10-31"),
    flag("global_navigator", "no_global_navigator").since("2022-03-21"),
    flag("capture_async_api_throws", "do_not_capture_async_api_throws").since("2022-10-31"),
    flag("r2_public_beta_bindings", "r2_internal_beta_bindings").always(),
    lasting("durable_object_alarms"),
    flag("dont_substitute_null_on_type_error", "substitute_null_on_type_error").since("2022-06-01"),
    flag("transformstream_enable_standard_constructor", "transformstream_disable_standard_constructor")
        .since("2022-11-30"),
    lasting("r2_list_honor_include").since("2022-08-04"),
    flag("export_commonjs_default", "export_commonjs_namespace").since("2022-10-31"),
    lasting("durable_object_rename").experimental(),
    flag("web_socket_compression", "no_web_socket_compression").since("2023-08-15"),
    lasting("tcp_sockets_support"),
    flag("response_redirect_url_standard", "response_redirect_url_original").since("2023-03-14"),
    lasting("experimental").experimental(),
    lasting("durable_object_get_existing").experimental(),
    flag("http_headers_getsetcookie", "no_http_headers_getsetcookie").since("2023-03-01"),
    flag("dynamic_dispatch_tunnel_exceptions", "dynamic_dispatch_treat_exceptions_as_500")
        .since("2023-03-01"),
    lasting("service_binding_extra_handlers").experimental(),
    flag("no_cf_botmanagement_default", "cf_botmanagement_default").since("2023-08-01"),
    flag("urlsearchparams_delete_has_value_arg", "no_urlsearchparams_delete_has_value_arg")
        .since("2023-07-01"),
    flag("strict_compression_checks", "no_strict_compression_checks").since("2023-08-01"),
    flag("brotli_content_encoding", "no_brotli_content_encoding").since("2024-04-29"),
    flag("strict_crypto_checks", "no_strict_crypto_checks").since("2023-08-01"),
    lasting("rtti_api").experimental(),
    lasting("webgpu").experimental(),
    flag("crypto_preserve_public_exponent", "no_crypto_preserve_public_exponent").since("2023-12-01"),
    flag("vectorize_query_metadata_optional", "vectorize_query_original").since("2023-11-08"),
    lasting("unsafe_module").experimental(),
    lasting("js_rpc").experimental(),
    flag("no_global_importscripts", "global_importscripts").since("2024-03-04"),
    flag("queues_json_messages", "no_queues_json_messages").since("2024-03-18"),
    flag("fetcher_no_get_put_delete", "fetcher_has_get_put_delete").since("2024-03-26"),
    flag("unwrap_custom_thenables", "no_unwrap_custom_thenables").since("2024-04-01"),
    flag("rpc", "no_rpc").since("2024-04-03"),
    flag("internal_stream_byob_return_view", "internal_stream_byob_return_undefined").since("2024-05-13"),
    flag("blob_standard_mime_type", "blob_legacy_mime_type").since("2024-06-03"),
    flag("fetch_standard_url", "fetch_legacy_url").since("2024-06-03"),
    flag("global_fetch_strictly_public", "global_fetch_private_origin"),
    flag("new_module_registry", "legacy_module_registry"),
    flag("cache_option_enabled", "cache_option_disabled").since("2024-11-11"),
    lasting("kv_direct_binding").experimental(),
    flag("allow_custom_ports", "ignore_custom_ports").since("2024-09-02"),
    lasting("increase_websocket_message_size").experimental(),
    flag(
        "internal_writable_stream_abort_clears_queue",
        "internal_writable_stream_abort_does_not_clear_queue",
    )
    .since("2024-09-02"),
    lasting("replica_routing").experimental(),
    lasting("enable_d1_with_sessions_api").experimental(),
    flag("handle_cross_request_promise_resolution", "no_handle_cross_request_promise_resolution")
        .since("2024-10-14"),
    flag("set_tostring_tag", "do_not_set_tostring_tag").since("2024-09-26"),
    flag("upper_case_all_http_methods", "no_upper_case_all_http_methods").since("2024-10-14"),
    flag("disable_top_level_await_in_require", "enable_top_level_await_in_require").since("2024-12-02"),
    flag("fixup-transform-stream-backpressure", "original-transform-stream-backpressure").since("2024-12-16"),
    lasting("tail_worker_user_spans").experimental(),
    flag("cache_no_cache_enabled", "cache_no_cache_disabled")
        .implied_by(&["cache_option_enabled"], "2025-08-07"),
    flag("request_cf_overrides_cache_rules", "no_request_cf_overrides_cache_rules").since("2025-04-02"),
    lasting("memory_cache_delete").experimental(),
    flag("queue_consumer_no_wait_for_wait_until", "queue_consumer_wait_for_wait_until"),
    flag("cache_api_request_cf_overrides_cache_rules", "no_cache_api_request_cf_overrides_cache_rules")
        .since("2025-05-19"),
    flag("disallow_importable_env", "allow_importable_env"),
    flag("assets_navigation_prefers_asset_serving", "assets_navigation_has_no_effect").since("2025-04-01"),
    flag("cache_api_compat_flags", "no_cache_api_compat_flags").since("2025-04-19"),
    lasting("streaming_tail_worker").experimental(),
    flag("urlpattern_standard", "urlpattern_original").since("2025-05-01"),
    flag("enable_weak_ref", "disable_weak_ref").since("2025-05-05"),
    flag("request_signal_passthrough", "no_request_signal_passthrough"),
    flag("enable_navigator_language", "disable_navigator_language").since("2025-05-19"),
    lasting("enable_web_file_system").experimental(),
    lasting("enable_abortsignal_rpc").experimental(),
    flag("allow_eval_during_startup", "disallow_eval_during_startup").since("2025-06-01"),
    flag("enable_request_signal", "disable_request_signal"),
    lasting("connect_pass_through").experimental(),
    flag("bind_asynclocalstorage_snapshot_to_request", "do_not_bind_asynclocalstorage_snapshot_to-request")
        .since("2025-06-16"),
    flag("throw_on_unrecognized_import_assertion", "ignore_unrecognized_import_assertion")
        .since("2025-06-16"),
    lasting("unsupported_process_actual_platform").experimental(),
    flag("set_event_target_this", "no_set_event_target_this").since("2025-08-01"),
    flag("set_forwardable_email_full_headers", "set_forwardable_email_single_headers").since("2025-08-01"),
    flag("pedantic_wpt", "non_pedantic_wpt"),
    flag("expose_global_message_channel", "no_expose_global_message_channel").since("2025-08-15"),
    flag("enable_validate_workflow_entrypoint", "disable_validate_workflow_entrypoint").since("2025-09-20"),
    lasting("typescript_strip_types").experimental(),
    lasting("allow_insecure_inefficient_logged_eval").experimental(),
    flag("strip_authorization_on_cross_origin_redirect", "retain_authorization_on_cross_origin_redirect")
        .since("2025-09-01"),
    flag("enhanced_error_serialization", "legacy_error_serialization").since("2026-04-21"),
    flag("enable_email_sending_queuing", "disable_email_sending_queuing"),
    flag("enable_global_performance_classes", "disable_global_performance_classes")
        .implied_by(&["nodejs_compat"], "2026-03-17"),
    flag("enable_ctx_exports", "disable_ctx_exports").since("2025-11-17"),
    flag("enable_fast_jsg_struct", "disable_fast_jsg_struct").since("2025-12-03"),
    flag("cache_reload_enabled", "cache_reload_disabled").experimental(),
    flag("immutable_api_prototypes", "mutable_api_prototypes"),
    flag("fetch_iterable_type_support", "no_fetch_iterable_type_support").since("2026-02-19"),
    flag("env_module_nullable_support", "no_env_module_nullable_support"),
    flag("precise_timers", "no_precise_timers").experimental(),
    flag(
        "fetch_iterable_type_support_override_adjustment",
        "no_fetch_iterable_type_support_override_adjustment",
    )
    .implied_by(&["fetch_iterable_type_support"], "2026-01-15"),
    flag("strip_bom_in_read_all_text", "do_not_strip_bom_in_read_all_text").since("2026-01-13"),
    lasting("allow_irrevocable_stub_storage"),
    flag("rpc_params_dup_stubs", "rpc_params_transfer_stubs").since("2026-01-20"),
    flag("streams_no_default_auto_allocate_chunk_size", "streams_auto_allocate_chunk_size_default")
        .experimental(),
    flag("require_returns_default_export", "require_returns_namespace").since("2026-01-22"),
    flag("queue_expose_error_codes", "no_queue_expose_error_codes").since("2026-03-12"),
    flag("text_decoder_replace_surrogates", "disable_text_decoder_replace_surrogates").since("2026-02-24"),
    flag("containers_pid_namespace", "no_containers_pid_namespace").since("2026-04-01"),
    flag("delete_all_deletes_alarm", "delete_all_preserves_alarm").since("2026-02-24"),
    flag(
        "unhandled_rejection_after_microtask_checkpoint",
        "no_unhandled_rejection_after_microtask_checkpoint",
    )
    .since("2026-03-03"),
    flag("text_decoder_cjk_decoder", "disable_text_decoder_cjk_decoder").since("2026-03-03"),
    flag("websocket_close_reason_byte_limit", "no_websocket_close_reason_byte_limit").since("2026-03-03"),
    lasting("enable_version_api").experimental(),
    flag("websocket_standard_binary_type", "no_websocket_standard_binary_type").since("2026-03-17"),
    flag("writable_stream_spec_compliant_writer", "no_writable_stream_spec_compliant_writer")
        .since("2026-03-24"),
    flag("encoder_stream_spec_compliant_backpressure", "no_encoder_stream_spec_compliant_backpressure")
        .since("2026-03-24"),
    flag("spec_compliant_property_attributes", "no_spec_compliant_property_attributes").experimental(),
    flag("workflows_preserve_non_retryable_error_message", "workflows_replace_non_retryable_error_message")
        .since("2026-05-14"),
    flag("web_socket_auto_reply_to_close", "web_socket_manual_reply_to_close").since("2026-04-07"),
    lasting("enable_ctx_version_metadata").experimental(),
    flag("no_resizable_array_buffer_in_blob", "resizable_array_buffer_in_blob"),
    flag("diagnostics_channel_has_subscribers_getter", "no_diagnostics_channel_has_subscribers_getter")
        .since("2026-05-19"),
    lasting("workflows_step_rollback").experimental(),
    flag("throw_on_not_implemented_tls_options", "no_throw_on_not_implemented_tls_options")
        .since("2026-06-16"),
    lasting("auto_grpc_convert").experimental(),
    lasting("d1_binding_jsrpc").experimental(),
    lasting("workflows_bindings_rpc").experimental(),
    lasting("typescript_implemented_streams").experimental(),
    lasting("expose_draining_reader").experimental(),
    flag("workflows_enable_fast_engine_creation", "workflows_disable_fast_engine_creation")
        .since("2026-08-11"),
    lasting("wasm_memory_discard").experimental(),
    // Node.js.
    flag("nodejs_compat", "no_nodejs_compat").since("2026-08-04"),
    flag("nodejs_als", "no_nodejs_als"),
    flag("nodejs_compat_v2", "no_nodejs_compat_v2")
        .since("2026-08-04")
        .implied_by(&["nodejs_compat"], "2024-09-23"),
    flag("nodejs_zlib", "no_nodejs_zlib").implied_by(&["nodejs_compat", "nodejs_compat_v2"], "2024-09-23"),
    flag("nodejs_compat_populate_process_env", "nodejs_compat_do_not_populate_process_env")
        .implied_by(&["nodejs_compat"], "2025-04-01"),
    flag("enable_nodejs_process_v2", "disable_nodejs_process_v2")
        .implied_by(&["nodejs_compat"], "2025-09-15"),
    flag("enable_nodejs_http_modules", "disable_nodejs_http_modules")
        .implied_by(&["nodejs_compat"], "2025-08-15"),
    flag("enable_nodejs_http_server_modules", "disable_nodejs_http_server_modules")
        .implied_by(&["enable_nodejs_http_modules"], "2025-09-01"),
    flag("enable_nodejs_fs_module", "disable_nodejs_fs_module").implied_by(&["nodejs_compat"], "2025-09-15"),
    flag("enable_nodejs_os_module", "disable_nodejs_os_module").implied_by(&["nodejs_compat"], "2025-09-15"),
    flag("remove_nodejs_compat_eol", "add_nodejs_compat_eol").implied_by(&["nodejs_compat"], "2025-09-01"),
    flag("enable_nodejs_http2_module", "disable_nodejs_http2_module")
        .implied_by(&["nodejs_compat"], "2025-09-01"),
    flag("remove_nodejs_compat_eol_v22", "add_nodejs_compat_eol_v22")
        .implied_by(&["remove_nodejs_compat_eol"], "2027-04-30"),
    flag("remove_nodejs_compat_eol_v23", "add_nodejs_compat_eol_v23")
        .implied_by(&["remove_nodejs_compat_eol_v24"], "2025-09-01"),
    flag("remove_nodejs_compat_eol_v24", "add_nodejs_compat_eol_v24")
        .implied_by(&["remove_nodejs_compat_eol"], "2028-04-30"),
    flag("enable_nodejs_console_module", "disable_nodejs_console_module")
        .implied_by(&["nodejs_compat"], "2025-09-21"),
    flag("enable_nodejs_vm_module", "disable_nodejs_vm_module").implied_by(&["nodejs_compat"], "2025-10-01"),
    flag("enable_nodejs_perf_hooks_module", "disable_nodejs_perf_hooks_module")
        .implied_by(&["nodejs_compat"], "2026-03-17"),
    flag("enable_nodejs_domain_module", "disable_nodejs_domain_module")
        .implied_by(&["nodejs_compat"], "2025-12-04"),
    flag("enable_nodejs_v8_module", "disable_nodejs_v8_module").implied_by(&["nodejs_compat"], "2026-03-17"),
    flag("enable_nodejs_tty_module", "disable_nodejs_tty_module")
        .implied_by(&["nodejs_compat"], "2026-03-17"),
    flag("enable_nodejs_punycode_module", "disable_nodejs_punycode_module")
        .implied_by(&["nodejs_compat"], "2025-12-04"),
    flag("enable_nodejs_cluster_module", "disable_nodejs_cluster_module")
        .implied_by(&["nodejs_compat"], "2025-12-04"),
    flag("enable_nodejs_child_process_module", "disable_nodejs_child_process_module")
        .implied_by(&["nodejs_compat"], "2026-03-17"),
    flag("enable_nodejs_worker_threads_module", "disable_nodejs_worker_threads_module")
        .implied_by(&["nodejs_compat"], "2026-03-17"),
    flag("enable_nodejs_stream_wrap_module", "disable_nodejs_stream_wrap_module")
        .implied_by(&["nodejs_compat"], "2026-01-29"),
    flag("enable_nodejs_wasi_module", "disable_nodejs_wasi_module")
        .implied_by(&["nodejs_compat"], "2025-12-04"),
    flag("enable_nodejs_dgram_module", "disable_nodejs_dgram_module")
        .implied_by(&["nodejs_compat"], "2026-01-29"),
    flag("enable_nodejs_inspector_module", "disable_nodejs_inspector_module")
        .implied_by(&["nodejs_compat"], "2026-01-29"),
    flag("enable_nodejs_trace_events_module", "disable_nodejs_trace_events_module")
        .implied_by(&["nodejs_compat"], "2025-12-04"),
    flag("enable_nodejs_readline_module", "disable_nodejs_readline_module")
        .implied_by(&["nodejs_compat"], "2026-03-17"),
    flag("enable_nodejs_repl_module", "disable_nodejs_repl_module")
        .implied_by(&["nodejs_compat"], "2026-03-17"),
    flag("enable_nodejs_sqlite_module", "disable_nodejs_sqlite_module")
        .implied_by(&["nodejs_compat"], "2026-01-29"),
    flag("enable_streams_nodejs_v24_compat", "disable_streams_nodejs_v24_compat"),
    flag("enable_nodejs_global_timers", "no_nodejs_global_timers")
        .implied_by(&["nodejs_compat"], "2026-02-10"),
    lasting("enable_nodejs_inspector_local_dev").experimental(),
];
