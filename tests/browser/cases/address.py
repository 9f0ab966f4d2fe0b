"""What the kernel knows of the page, and what it asks of it."""

import ipywidgets as widgets
from IPython.display import display

from workbench.panels.address import Address, initial_query

address = Address()
first = widgets.Label(f"first {sorted(initial_query().items())}")
now = widgets.Label("now")
theme = widgets.Label("theme")
copied = widgets.Label("copied")


def show(_: object) -> None:
    now.value = f"now {sorted(address.query.items())}"
    theme.value = f"theme {address.theme}"


def button(text: str, act: object) -> widgets.Button:
    made = widgets.Button(description=text)
    made.on_click(act)
    return made


address.observe(show)
address.on_copied(lambda name, done: copied.set_trait("value", f"{name} {done}"))
display(
    widgets.VBox(
        [
            *(first, now, theme, copied),
            button("write", lambda _: address.write(session="s1", gone="")),
            button("copy", lambda _: address.copy("the text", "link")),
            button("save", lambda _: address.download("m.bin", bytes(range(256)))),
        ]
    )
)
