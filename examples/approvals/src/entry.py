"""Orders that somebody has to approve: a workflow that waits for days, survives restarts, and tries again what fails.

    curl -X POST localhost:8787/orders -d '{"item": "terrarium", "price": 120}'
    curl -X POST localhost:8787/orders/<id>/approve
    curl localhost:8787/orders/<id>
"""

from urllib.parse import urlsplit

from workers import Response, WorkerEntrypoint, WorkflowEntrypoint

RETRIES = {"retries": {"limit": 3, "delay": "5 seconds", "backoff": "exponential"}}


class Order(WorkflowEntrypoint):
    async def run(self, event, step):
        order = event["payload"]

        @step.do("reserve", config=RETRIES)
        async def reserve():
            return {"item": order["item"], "reserved": True}

        reserved = await reserve()
        await step.wait_for_event("approval", "approved", timeout="3 days")

        @step.do("ship", config=RETRIES)
        async def ship():
            return {**reserved, "shipped": True}

        return await ship()


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        match [request.method, *urlsplit(request.url).path.strip("/").split("/")]:
            case ["POST", "orders"]:
                order = await self.env.ORDERS.create(params=await request.json())
                return Response.json({"id": order.id}, status=201)
            case ["POST", "orders", id, "approve"]:
                await (await self.env.ORDERS.get(id)).sendEvent(type="approved", payload={})
                return Response.json({"id": id})
            case ["GET", "orders", id]:
                return Response.json(await (await self.env.ORDERS.get(id)).status())
        return Response("POST /orders", status=404)
