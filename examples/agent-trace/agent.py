"""A small agent whose trace is exported as OTLP/JSON: it reads release notes from the web, has a model write a summary
and publishes that. The model and the web page are served by this program itself, as a proxy, so that a run needs no network.

    python3 agent.py trace.otlp.jsonl
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "span_only"
os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "gen_ai_latest_experimental,http")

import requests
from openai import OpenAI
from opentelemetry import trace
from opentelemetry.exporter.otlp.json.file import FileSpanExporter
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

NOTES = "<h1>1.2.3</h1><p>Faster start. No breaking changes.</p>"
TOOLS = [
    {"type": "function", "function": {"name": "fetch_page", "parameters": {"type": "object"}}},
    {"type": "function", "function": {"name": "publish", "parameters": {"type": "object"}}},
]


class Stage(BaseHTTPRequestHandler):
    """Plays the web page and the model."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, media_type):
        body = body.encode()
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(NOTES, "text/html")

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        turn = sum(message["role"] == "assistant" for message in asked["messages"])
        call = [
            ("fetch_page", {"url": "http://docs.example/notes/1.2.3"}),
            ("publish", {"summary": "1.2.3 starts faster and breaks nothing."}),
        ]
        message = {"role": "assistant", "content": None}
        if turn < len(call):
            name, arguments = call[turn]
            function = {"name": name, "arguments": json.dumps(arguments)}
            message["tool_calls"] = [{"id": f"call_{turn}", "type": "function", "function": function}]
        else:
            message["content"] = "Published: 1.2.3 starts faster and breaks nothing."
        reason = "tool_calls" if turn < len(call) else "stop"
        answer = {
            "id": f"chatcmpl-{turn}",
            "object": "chat.completion",
            "created": 1700000000,
            "model": "example-model-1",
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": {"prompt_tokens": 40, "completion_tokens": 12, "total_tokens": 52},
        }
        self.answer(json.dumps(answer), "application/json")


def fetch_page(url):
    return requests.get(url, timeout=10).text


def publish(summary):
    return f"published {len(summary)} characters"


def run(tracer, model):
    messages = [
        {"role": "system", "content": "You write release summaries."},
        {"role": "user", "content": "Summarise release 1.2.3 and publish the summary."},
    ]
    while True:
        answer = model.chat.completions.create(model="example-model-1", messages=messages, tools=TOOLS)
        message = answer.choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        if not message.tool_calls:
            return message.content
        for call in message.tool_calls:
            name = call.function.name
            attributes = {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": name,
                "gen_ai.tool.call.id": call.id,
                "gen_ai.tool.call.arguments": call.function.arguments,
            }
            with tracer.start_as_current_span(f"execute_tool {name}", attributes=attributes) as span:
                arguments = json.loads(call.function.arguments)
                result = {"fetch_page": fetch_page, "publish": publish}[name](**arguments)
                span.set_attribute("gen_ai.tool.call.result", result)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


def main():
    stage = ThreadingHTTPServer(("127.0.0.1", 0), Stage)
    threading.Thread(target=stage.serve_forever, daemon=True).start()
    os.environ["http_proxy"] = f"http://127.0.0.1:{stage.server_port}"
    provider = TracerProvider(resource=Resource.create({"service.name": "release-agent", "service.version": "0.1.0"}))
    provider.add_span_processor(BatchSpanProcessor(FileSpanExporter(sys.argv[1])))
    trace.set_tracer_provider(provider)
    OpenAIInstrumentor().instrument()
    RequestsInstrumentor().instrument()
    tracer = trace.get_tracer("release-agent", "0.1.0")
    model = OpenAI(base_url="http://models.example/v1", api_key="none")
    attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "release-agent"}
    with tracer.start_as_current_span("invoke_agent release-agent", attributes=attributes):
        print(run(tracer, model))
    provider.shutdown()
    stage.shutdown()


main()
