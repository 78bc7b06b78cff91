"""Burns CPU in functions whose names and files are markup, until it is ended."""

NAME = '</script><img src=x onerror="document.title=1"><!--<script>'
code = compile("def burn():\n    for number in range(20000):\n        number * number\n", NAME, "exec")
space = {}
exec(code, space)
burn = space["burn"]
burn.__code__ = burn.__code__.replace(co_name=NAME, **({"co_qualname": NAME} if hasattr(burn.__code__, "co_qualname") else {}))
while True:
    burn()
