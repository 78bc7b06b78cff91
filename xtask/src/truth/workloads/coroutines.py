"""Coroutines: chains of await, tasks, asynchronous generators, context managers and comprehensions, `yield from`.

For Python 3.6 and later.
"""

import asyncio

from witness import note, running


async def leaf():
    note()
    await asyncio.sleep(0)
    note()


async def chain(depth):
    if depth:
        return await chain(depth - 1)
    await leaf()


async def numbers(count):
    for number in range(count):
        note()
        yield number
        await asyncio.sleep(0)


class Managed:
    async def __aenter__(self):
        note()
        await asyncio.sleep(0)

    async def __aexit__(self, *what):
        note()

    def __await__(self):
        note()
        yield
        note()


async def consume():
    async for _ in numbers(2):
        note()
    [number async for number in numbers(1)]
    async with Managed():
        await Managed()
    [await one for one in [leaf()]]


def callback(loop):
    note()


def inner():
    note()
    received = yield 1
    note()
    return received


def middle():
    result = yield from inner()
    note()
    return result


def outer():
    yield from middle()
    yield from (note() for _ in range(1))


async def all_of_it(loop):
    loop.call_soon(callback, loop)
    await asyncio.gather(chain(0), chain(20), consume(), leaf())
    await loop.run_in_executor(None, note)
    await asyncio.wait_for(chain(3), 60)


def main():
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    while running():
        loop.run_until_complete(all_of_it(loop))
        list(outer())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


main()
