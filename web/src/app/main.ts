// Starts the page: makes the long-lived objects and hands them to the root component.

import { mount } from 'svelte';
import App from './App.svelte';
import { createSession } from './session';
import './styles/tokens.css';
import './styles/base.css';
import './styles/prose.css';
import './styles/code.css';

mount(App, { target: document.getElementById('app')!, props: { session: createSession() } });
